// How many instructions a request takes: `node benches/instructions.mjs`. Method and ledger stand in docs/INSTRUCTIONS.md.
//
//   --record TEXT     adds a row to the ledger
//   --only a,b        only these operations, to look at
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildExample, run } from "./lib/cargo.mjs";
import { spread } from "./lib/statistics.mjs";

const root = new URL("../", import.meta.url);
const LEDGER = new URL("docs/INSTRUCTIONS.md", root);
/** In the order of the ledger's columns. */
const OPERATIONS = ["health", "forged", "validate-session", "validate-token", "refresh"];
/** Runs of each, of which the median is taken: how memory lies after a start differs a little, and with it what its next piece takes. */
const RUNS = 5;
/** What these take for one more request is the difference of both: what a start takes, and what first requests prepare, is in both. */
const [FEW, MANY] = [20, 320];

const { values: flags } = parseArgs({ options: { only: { type: "string" }, record: { type: "string" } } });
const chosen = flags.only?.split(",") ?? OPERATIONS;
const unknown = chosen.filter((name) => !OPERATIONS.includes(name));
if (unknown.length > 0 || (flags.only && flags.record !== undefined)) {
  console.error(unknown.length > 0 ? `unknown: ${unknown.join(", ")}. Operations: ${OPERATIONS.join(", ")}` : "A row of the ledger has all operations.");
  process.exit(2);
}

let valgrind;
try {
  run("taskset", "--version");
  valgrind = run("valgrind", "--version");
} catch {
  console.log("No figures: they need valgrind, and taskset of util-linux.");
  process.exit(0);
}
const cpu = run("sh", "-c", "taskset --cpu-list --pid $$").match(/(\d+)\D*$/)[1];
const binary = buildExample("instructions");

/** Instructions of all threads in a whole run. On one processor: on two it is chance which thread valgrind lets go on, and so what they wait. */
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
    console.log(`${operation.padEnd(18)} ${grouped(median).padStart(10)} instructions a request (${grouped(min)}–${grouped(max)})`);
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
