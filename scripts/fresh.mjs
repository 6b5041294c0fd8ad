// Fails if the TypeScript types differ from openapi.json, or if the fuzzers' lock file names other
// versions than the API's. tests/architecture/ checks openapi.json itself.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "smol-toml";

const KEPT = "clients/typescript/src/schema.ts";
const folder = mkdtempSync(join(tmpdir(), "schema-"));
try {
  const fresh = join(folder, "schema.ts");
  execFileSync("node_modules/.bin/openapi-typescript", ["openapi.json", "--output", fresh], {
    stdio: "ignore",
  });
  if (readFileSync(fresh, "utf8") !== readFileSync(KEPT, "utf8")) {
    console.error(`${KEPT} is out of date. Run: make openapi`);
    process.exit(1);
  }
} finally {
  rmSync(folder, { recursive: true });
}

const packages = (path) => parse(readFileSync(path, "utf8")).package;
const own = packages("Cargo.lock");
const names = new Set(own.map(({ name }) => name));
const versions = new Set(own.map(({ name, version }) => `${name} ${version}`));
const strays = packages("fuzz/Cargo.lock")
  .filter(({ name, version }) => names.has(name) && !versions.has(`${name} ${version}`))
  .map(({ name, version }) => `${name} ${version}`);
if (strays.length > 0) {
  console.error(`fuzz/Cargo.lock differs from Cargo.lock: ${strays.join(", ")}. Run:`);
  console.error("cp Cargo.lock fuzz/ && cargo metadata --manifest-path fuzz/Cargo.toml >/dev/null");
  process.exit(1);
}
