// Measures the size of the Worker: `node benches/size.mjs`. `--check` fails if a release build is
// too large. `--record TEXT` adds a row to docs/SIZE.md.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const root = new URL("../", import.meta.url);
const LEDGER = new URL("docs/SIZE.md", root);
/** The largest bundle that `--check` accepts, in bytes after gzip. */
const LIMIT = 1_500_000;

const measured = (name, path) => {
  const bytes = readFileSync(path);
  return { name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
};

/** Returns the sizes of the files that are uploaded, and of both together. */
const ours = () => {
  const wasm = measured("hamrah-api, wasm", new URL("build/index_bg.wasm", root));
  const glue = measured("hamrah-api, JavaScript", new URL("build/index.js", root));
  return [wasm, glue, { name: "hamrah-api, bundle", raw: wasm.raw + glue.raw, gzip: wasm.gzip + glue.gzip }];
};

/**
 * Returns the raw and compressed sizes of our files and, if better-auth is installed, of its
 * bundle.
 */
export const sizes = async () => {
  if (!existsSync(new URL("benches/node_modules/better-auth", root))) return ours();
  const { bundle } = await import("./lib/bundle.mjs");
  return [...ours(), measured("better-auth, bundle", await bundle("better-auth"))];
};

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} KB`;

const isRelease = () => existsSync(new URL("build/profile", root)) && readFileSync(new URL("build/profile", root), "utf8") === "--release";

const record = async (what) => {
  const [wasm, glue, bundle] = ours();
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  const day = new Date().toISOString().slice(0, 10);
  const cells = [day, commit, what, wasm.raw, wasm.gzip, glue.gzip, bundle.gzip].map((cell) => (typeof cell === "number" ? kilobytes(cell) : cell));
  writeFileSync(LEDGER, `${readFileSync(LEDGER, "utf8").trimEnd()}\n| ${cells.join(" | ")} |\n`);
};

const main = async () => {
  const { values: flags } = parseArgs({ options: { check: { type: "boolean" }, record: { type: "string" } } });
  if (!existsSync(new URL("build/index_bg.wasm", root))) throw new Error("build/ contains no Worker. Run make build.");
  for (const { name, raw, gzip } of flags.check ? ours() : await sizes()) console.log(`${name.padEnd(24)} ${kilobytes(raw)}, gzip ${kilobytes(gzip)}`);
  if (!isRelease()) {
    if (flags.record !== undefined) throw new Error("--record needs a release build. Run make build.");
    console.log("This is not a release build, so its size is not meaningful and is not checked.");
    return;
  }
  if (flags.record !== undefined) await record(flags.record);
  const { gzip } = ours().at(-1);
  if (flags.check && gzip > LIMIT) throw new Error(`The bundle is ${kilobytes(gzip)} compressed, more than ${kilobytes(LIMIT)}.`);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}
