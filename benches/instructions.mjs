// Counts the instructions of a request: `node benches/instructions.mjs`. docs/INSTRUCTIONS.md
// describes the method and contains the ledger.
//
//   --record TEXT     adds a row to the ledger
//   --only a,b        measures only these operations
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildExample, run } from "./lib/cargo.mjs";
import { spread } from "./lib/statistics.mjs";

const root = new URL("../", import.meta.url);
const LEDGER = new URL("docs/INSTRUCTIONS.md", root);
/** The operations, in the order of the ledger's columns. */
const OPERATIONS = ["health", "forged", "validate-session", "validate-token", "refresh"];
/**
 * The number of runs of each operation. Their median is the result. The memory layout differs a
 * little from start to start, and so does the cost of an allocation.
 */
const RUNS = 5;
/**
 * The numbers of requests in a short and a long run. The difference between the two runs is the
 * cost of the additional requests, without the start and the preparations of the first requests.
 */
const [FEW, MANY] = [20, 320];

const { values: flags } = parseArgs({ options: { only: { type: "string" }, record: { type: "string" } } });
const chosen = flags.only?.split(",") ?? OPERATIONS;
const unknown = chosen.filter((name) => !OPERATIONS.includes(name));
if (unknown.length > 0 || (flags.only && flags.record !== undefined)) {
  console.error(unknown.length > 0 ? `Unknown: ${unknown.join(", ")}. Operations: ${OPERATIONS.join(", ")}` : "--record needs all operations. Leave out --only.");
  process.exit(2);
}

let valgrind;
try {
  run("taskset", "--version");
  valgrind = run("valgrind", "--version");
} catch {
  console.log("Nothing was measured, because valgrind or taskset (util-linux) is missing.");
  process.exit(0);
}
const cpu = run("sh", "-c", "taskset --cpu-list --pid $$").match(/(\d+)\D*$/)[1];
const binary = buildExample("instructions");

/**
 * Returns the number of instructions of all threads in a whole run. The program runs on one
 * processor. On two, the threads would wait for each other differently in each run.
 */
const total = (folder, operation, times) => {
  const out = join(folder, "callgrind.out");
  run("taskset", "--cpu-list", cpu, "valgrind", "--tool=callgrind", "--quiet", `--callgrind-out-file=${out}`, binary, operation, String(times));
  return Number(/^(?:totals|summary): (\d+)/m.exec(readFileSync(out, "utf8"))[1]);
};

const grouped = (value) => Math.round(value).toLocaleString("en");
const figures = [];
const folder = mkdtempSync(join(tmpdir(), "hamrah-instructions-"));
try {
  for (const operation of chosen) {
    const one = () => (total(folder, operation, MANY) - total(folder, operation, FEW)) / (MANY - FEW);
    const { median, min, max } = spread(Array.from({ length: RUNS }, one));
    figures.push(median);
    console.log(`${operation.padEnd(18)} ${grouped(median).padStart(10)} instructions per request (${grouped(min)}–${grouped(max)})`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${valgrind}, rustc ${run("rustc", "--version").split(" ")[1]}; a release build, SQLite included`);

if (flags.record !== undefined) {
  const changed = run("git", "status", "--porcelain", "--untracked-files=no", "src", "migrations", "examples", "Cargo.lock", "Cargo.toml") !== "";
  const cells = [new Date().toISOString().slice(0, 10), `${run("git", "rev-parse", "--short", "HEAD")}${changed ? " (with changes)" : ""}`, flags.record, ...figures.map(grouped)];
  writeFileSync(LEDGER, `${readFileSync(LEDGER, "utf8").trimEnd()}\n| ${cells.join(" | ")} |\n`);
}
