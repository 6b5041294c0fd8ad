// Finds Chromium by `CHROMIUM_BIN` or by its common names. As a script, it installs a missing
// Chromium on Debian if the user is root, and otherwise prints how to install it.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const MAC = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

const runs = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/**
 * Returns the path of Chromium, or undefined if none is found. If `CHROMIUM_BIN` is set to a file
 * that cannot be run, throws an error and searches no further.
 */
export const findChromium = () => {
  const named = process.env.CHROMIUM_BIN;
  if (named) {
    if (runs(named)) return named;
    throw new Error(
      `CHROMIUM_BIN names ${named}, which cannot be run. Correct it, or unset it to search PATH.`,
    );
  }
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...candidates, ...MAC].find(runs);
};

const HOW = `The browser tests need a working Chromium. Install it:
  Debian           apt-get install chromium
  Ubuntu           snap install chromium
  Fedora           dnf install chromium
  macOS            brew install --cask google-chrome
If it is installed elsewhere, set CHROMIUM_BIN to its path.`;

/** Installs Chromium with apt-get, if this is Debian or a derivative and the user is root. */
const install = () => {
  if (!existsSync("/etc/debian_version") || process.getuid?.() !== 0) return;
  console.log("Installing Chromium once, with apt-get.");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]]) {
    if (spawnSync("apt-get", args, { stdio: "inherit", env }).status !== 0) return;
  }
};

const main = () => {
  if (!findChromium()) install();
  const found = findChromium();
  if (!found) {
    console.error(HOW);
    process.exit(1);
  }
  // On some distributions, this file is a script that only prints how to install Chromium.
  const { status, stdout } = spawnSync(found, ["--version"], { encoding: "utf8" });
  if (status !== 0 || !/\d+\./.test(stdout)) {
    console.error(`${found} does not run.\n${HOW}`);
    process.exit(1);
  }
  console.log(`${found}: ${stdout.trim()}`);
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
