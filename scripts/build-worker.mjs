// Builds the Worker into build/: `node scripts/build-worker.mjs --release` or `--dev`.
//
// The tools that worker-build would download are named to it where they are found.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";

const profile = process.argv[2] ?? "--release";
const found = (variable, path) => (existsSync(path) ? { [variable]: resolve(path) } : {});
const env = {
  ...process.env,
  ...found("WASM_BINDGEN_BIN", ".tools/bin/wasm-bindgen"),
  ...found("WASM_OPT_BIN", "node_modules/binaryen/bin/wasm-opt"),
  ...found("ESBUILD_BIN", "node_modules/esbuild/bin/esbuild"),
};
// Says what build/ holds, for the deployment; a build that fails leaves none.
rmSync("build/profile", { force: true });
const { status } = spawnSync(".tools/bin/worker-build", [profile], { stdio: "inherit", env });
if (status !== 0) process.exit(status ?? 1);
writeFileSync("build/profile", profile);

const size = (file) => {
  const bytes = readFileSync(file);
  return `${file} ${(bytes.length / 1024).toFixed(0)} KiB, ${(gzipSync(bytes).length / 1024).toFixed(0)} KiB gzip`;
};
console.log(`${size("build/index_bg.wasm")}; ${size("build/index.js")}`);
