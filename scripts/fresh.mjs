// Fails if the TypeScript types are not those of openapi.json. (That openapi.json is fresh is tested in tests/architecture.rs.)
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const KEPT = "clients/typescript/src/schema.ts";
const folder = mkdtempSync(join(tmpdir(), "schema-"));
try {
  const fresh = join(folder, "schema.ts");
  execFileSync("node_modules/.bin/openapi-typescript", ["openapi.json", "--output", fresh], { stdio: "ignore" });
  if (readFileSync(fresh, "utf8") !== readFileSync(KEPT, "utf8")) {
    console.error(`${KEPT} is stale: make openapi`);
    process.exit(1);
  }
} finally {
  rmSync(folder, { recursive: true });
}
