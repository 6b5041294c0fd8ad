// Installs the tools that `make` needs in addition to rustup and Node: `node scripts/tools.mjs
// [worker] [fuzz]`. Each step runs only if its result is missing.
//
// The wasm32 target and the node packages are always needed. `worker` adds worker-build and
// wasm-bindgen, `fuzz` adds cargo-fuzz. These tools are built from source once, into .tools,
// because their binaries come from places that are not package registries, which closed networks do
// not reach.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const FOLDER = ".tools";

const answerOf = (command, ...args) => spawnSync(command, args, { encoding: "utf8" }).stdout ?? "";

const run = (command, ...args) => {
  if (spawnSync(command, args, { stdio: "inherit" }).status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed; its output is above.`);
};

/** Returns the version of the library wasm-bindgen, which its tool must have too. */
const wasmBindgenVersion = () =>
  /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(readFileSync("Cargo.lock", "utf8"))[1];

const isInstalled = ({ version, binary }) => {
  const path = join(FOLDER, "bin", binary);
  return existsSync(path) && answerOf(path, "--version").includes(version);
};

/**
 * Builds one binary of a crate into .tools. `optimized` is for a tool that computes; one that only
 * starts other programs is built faster without.
 */
const install = ({ crate, version, binary, optimized = false }) => {
  console.log(`Building ${crate} ${version} once, into ${FOLDER}. This takes some minutes.`);
  const args = [
    "install",
    crate,
    "--version",
    version,
    "--bin",
    binary,
    "--root",
    FOLDER,
    "--force",
    "--quiet",
  ];
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: join(FOLDER, "build"),
    CARGO_INCREMENTAL: "0",
    CARGO_PROFILE_RELEASE_OPT_LEVEL: optimized ? "1" : "0",
    CARGO_PROFILE_RELEASE_LTO: "off",
  };
  const locked = spawnSync("cargo", [...args, "--locked"], {
    stdio: ["ignore", "inherit", "pipe"],
    encoding: "utf8",
    env,
    maxBuffer: 2 ** 26,
  });
  if (locked.status === 0) return;
  if (locked.signal || locked.stderr.includes("could not compile"))
    throw new Error(`${locked.stderr}\n${crate} could not be built.`);
  // A mirror of the registry can lack versions that the crate's own lock file names.
  console.log(
    `The versions in the lock file of ${crate} are not all available. Building it with the newest that fit.`,
  );
  if (spawnSync("cargo", args, { stdio: "inherit", env }).status !== 0) {
    throw new Error(
      `${crate} could not be built; the errors are above. With its own lock file:\n${locked.stderr}`,
    );
  }
};

const packages = () => {
  if (!answerOf("rustup", "target", "list", "--installed").includes("wasm32-unknown-unknown"))
    run("rustup", "target", "add", "wasm32-unknown-unknown");
  if (
    !existsSync("node_modules/.package-lock.json") ||
    answerOf("npm", "ls", "--silent").includes("missing")
  )
    run("npm", "ci");
};

const GROUPS = {
  worker: () => [
    {
      crate: "wasm-bindgen-cli",
      version: wasmBindgenVersion(),
      binary: "wasm-bindgen",
      optimized: true,
    },
    { crate: "worker-build", version: "0.8.7", binary: "worker-build" },
  ],
  fuzz: () => [{ crate: "cargo-fuzz", version: "0.13.2", binary: "cargo-fuzz" }],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in GROUPS));
try {
  if (unknown.length > 0)
    throw new Error(
      `There is no group of tools called ${unknown.join(", ")}. Name any of: ${Object.keys(GROUPS).join(", ")}.`,
    );
  packages();
  const missing = wanted.flatMap((name) => GROUPS[name]()).filter((tool) => !isInstalled(tool));
  missing.forEach(install);
  if (missing.length > 0) rmSync(join(FOLDER, "build"), { recursive: true, force: true });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
