// Set-up: what `make` needs besides rustup and Node, each step only if its result is missing.
//
// worker-build and wasm-bindgen are built from source once, into .tools: both would otherwise be downloaded from places
// that are not package registries, which closed networks do not reach.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const tools = ".tools";
const WORKER_BUILD = "0.8.7";
const CARGO_FUZZ = "0.13.2";

const run = (command, args, env = {}) => {
  const { status } = spawnSync(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
};

const answers = (command, ...args) => spawnSync(command, args, { encoding: "utf8" }).stdout ?? "";

/** wasm-bindgen's tool must be exactly of the library's version. */
const wasmBindgenVersion = () => {
  const lock = readFileSync("Cargo.lock", "utf8");
  return /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)[1];
};

const cargoInstall = (crate, version, binaries) => {
  const bin = join(tools, "bin", binaries[0]);
  if (existsSync(bin) && answers(bin, "--version").includes(version)) return;
  console.log(`Building ${crate} ${version} once, into ${tools}: this takes some minutes.`);
  const args = ["install", crate, "--version", version, "--root", tools, "--force", "--quiet"];
  if (crate === "wasm-bindgen-cli") args.push("--bin", "wasm-bindgen");
  const env = { CARGO_TARGET_DIR: join(tools, "build"), CARGO_PROFILE_RELEASE_OPT_LEVEL: "1", CARGO_PROFILE_RELEASE_LTO: "off" };
  try {
    run("cargo", [...args, "--locked"], env);
  } catch {
    // The crate's own lock file can name versions that a mirror of the registry does not have (yet).
    run("cargo", args, env);
  }
};

if (!answers("rustup", "target", "list", "--installed").includes("wasm32-unknown-unknown")) {
  run("rustup", ["target", "add", "wasm32-unknown-unknown"]);
}
if (!existsSync("node_modules/.package-lock.json") || answers("npm", "ls", "--silent").includes("missing")) run("npm", ["ci"]);
cargoInstall("wasm-bindgen-cli", wasmBindgenVersion(), ["wasm-bindgen"]);
cargoInstall("worker-build", WORKER_BUILD, ["worker-build"]);
cargoInstall("cargo-fuzz", CARGO_FUZZ, ["cargo-fuzz"]);
rmSync(join(tools, "build"), { recursive: true, force: true });
