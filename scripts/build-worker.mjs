// Builds the Worker into build/: `node scripts/build-worker.mjs --release` or `--dev`. With `--names`, build/names.wasm is the module before it
// is made small, from which benches/crates.mjs tells what takes how much.
//
// The tools that worker-build would download are named to it where they are found.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";

const profile = process.argv[2] ?? "--release";

/** What workerd knows; it knows no newer encodings. */
const FEATURES = "mutable-globals sign-ext nontrapping-float-to-int bulk-memory multivalue reference-types exception-handling".split(" ");

/** Makes the module small; without the functions' names, which are a tenth of it: what panics says where in the code without them. */
const optimise = () => {
  const file = "build/index_bg.wasm";
  const passes = [...FEATURES.map((feature) => `--enable-${feature}`), "-Oz", "--strip-debug", "--strip-producers", file, "-o", file];
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
// Says what build/ holds, for the deployment; a build that fails leaves none.
rmSync("build/profile", { force: true });
// The release is the profile `worker` of Cargo.toml; what it has worker-build leave out is done here, once.
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
