// Where Chromium is: `CHROMIUM_BIN`, or a usual name. Run as a script it installs it where that is one command, or says what to do.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const MAC = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];

const runs = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The path of Chromium; undefined if there is none. A `CHROMIUM_BIN` that cannot be run is an error, not a reason to take another. */
export const findChromium = () => {
  const named = process.env.CHROMIUM_BIN;
  if (named) {
    if (runs(named)) return named;
    throw new Error(`CHROMIUM_BIN names ${named}, which cannot be run.`);
  }
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...candidates, ...MAC].find(runs);
};

const HOW = `No Chromium is found, which the browser tests need. Install it:
  Debian, Ubuntu   apt-get install chromium (Ubuntu: snap install chromium)
  Fedora           dnf install chromium
  macOS            brew install --cask google-chrome
CHROMIUM_BIN names one that is somewhere else.`;

/** Installs it on Debian and its kin, if we may. */
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
  // Some distributions keep a script of this name that runs nothing, or only asks for another package.
  const { status, stdout } = spawnSync(found, ["--version"], { encoding: "utf8" });
  if (status !== 0 || !/\d+\./.test(stdout)) {
    console.error(`${found} does not run.\n${HOW}`);
    process.exit(1);
  }
  console.log(`${found}: ${stdout.trim()}`);
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
