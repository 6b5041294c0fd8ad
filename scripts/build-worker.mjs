// Builds the Worker into build/: `node scripts/build-worker.mjs --release` or `--dev`. With
// `--names`, it keeps the module with its function names in build/names.wasm, from which
// benches/crates.mjs measures the size of each crate.
//
// worker-build downloads its own tools unless environment variables name them. This script sets
// them for each installed tool.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";

const profile = process.argv[2] ?? "--release";

/** The wasm features that workerd supports. Newer encodings fail to load. */
const FEATURES =
  "mutable-globals sign-ext nontrapping-float-to-int bulk-memory multivalue reference-types exception-handling".split(
    " ",
  );

/**
 * Optimizes the module for size and strips the function names, a tenth of it. A panic names its
 * place in the code without them.
 */
const optimise = () => {
  const file = "build/index_bg.wasm";
  const passes = [
    ...FEATURES.map((feature) => `--enable-${feature}`),
    "-Oz",
    // Functions with similar names have similar code. Side by side they compress better, by 3 %.
    "--reorder-functions-by-name",
    "--strip-debug",
    "--strip-producers",
    file,
    "-o",
    file,
  ];
  const { status } = spawnSync(env.WASM_OPT_BIN ?? "wasm-opt", passes, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
const found = (variable, path) => (existsSync(path) ? { [variable]: resolve(path) } : {});
const env = {
  ...process.env,
  ...found("WASM_BINDGEN_BIN", ".tools/bin/wasm-bindgen"),
  ...found("WASM_OPT_BIN", "node_modules/binaryen/bin/wasm-opt"),
  ...found("ESBUILD_BIN", "node_modules/esbuild/bin/esbuild"),
};
// This file names the profile of the Worker in build/. The deployment reads it. A failed build
// leaves none.
rmSync("build/profile", { force: true });
// The release uses the profile `worker` of Cargo.toml. worker-build does not optimize the module,
// because this script does.
const how = profile === "--release" ? ["--profile", "worker", "--no-opt"] : [profile];
const { status } = spawnSync(".tools/bin/worker-build", how, { stdio: "inherit", env });
if (status !== 0) process.exit(status ?? 1);
if (profile === "--release") {
  if (process.argv.includes("--names")) copyFileSync("build/index_bg.wasm", "build/names.wasm");
  optimise();
}
writeFileSync("build/profile", profile);

const size = (file) => {
  const bytes = readFileSync(file);
  return `${file} ${(bytes.length / 1024).toFixed(0)} KiB, ${(gzipSync(bytes).length / 1024).toFixed(0)} KiB gzip`;
};
console.log(`${size("build/index_bg.wasm")}; ${size("build/index.js")}`);
