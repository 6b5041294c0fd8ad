// Fails if the TypeScript types differ from those that openapi.json gives. tests/architecture.rs checks openapi.json itself.
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
    console.error(`${KEPT} is out of date. Run: make openapi`);
    process.exit(1);
  }
} finally {
  rmSync(folder, { recursive: true });
}
