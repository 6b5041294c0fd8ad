// The benchmark of the native server: `node benches/native.mjs`. docs/PERFORMANCE.md describes the
// method.
//
//   --json FILE       keeps every figure          --rows a,b    only these rows
//   --markdown        writes the tables into docs/PERFORMANCE.md
//   --rounds N        rounds of each row (5)
//   --quick           a short run with preliminary figures, to try the harness
import { readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, platform } from "node:os";
import { performance } from "node:perf_hooks";
import { startNative } from "./contestants/native.mjs";
import { buildExample, buildServer, run } from "./lib/cargo.mjs";
import { Lane } from "./lib/load.mjs";
import { intoDocument } from "./lib/markdown.mjs";
import { NATIVE_MARKS, NATIVE_RELAY_MARKS, nativeMarkdown } from "./lib/native-markdown.mjs";
import { options } from "./lib/options.mjs";
import { printRow } from "./lib/print.mjs";
import { measure } from "./lib/rounds.mjs";
import { ROWS, isOfRelay, nativeLanesOf } from "./rows.mjs";

const root = new URL("../", import.meta.url);
const { flags, plan, chosen } = options({
  quick: { rounds: 2, slot: 120, warmUp: 60, firstWarmUp: 400, connections: [1, 8], users: [100, 5_000], rowSeconds: 10 },
  full: { rounds: 5, slot: 250, warmUp: 100, firstWarmUp: 1000, connections: [1, 8, 32], users: [100, 100_000], rowSeconds: 17 },
});

const programs = { server: buildServer(), bare: buildExample("bare") };
const lock = readFileSync(new URL("Cargo.lock", root), "utf8");
const versionOf = (name) => new RegExp(`name = "${name}"\\nversion = "([^"]+)"`).exec(lock)[1];
const about = {
  at: new Date().toISOString(),
  commit: run("git", "rev-parse", "--short", "HEAD"),
  changed: run("git", "status", "--porcelain", "--untracked-files=no") !== "",
  preliminary: flags.quick,
  machine: `${cpus().length} cores, ${platform()} ${arch()}`,
  rustc: run("rustc", "--version").split(" ")[1],
  axum: versionOf("axum"),
  sqlx: versionOf("sqlx"),
  node: process.versions.node,
  plan,
};

const began = performance.now();
const report = { about, load: { before: loadavg()[0] }, cells: [], counts: [] };
const worlds = [];
try {
  console.log(`Starting the servers, with ${plan.users.join(" and with ")} accounts…`);
  for (const users of plan.users) worlds.push({ users, ...(await startNative(programs, users)) });
  for (const row of ROWS.filter(({ id }) => chosen.includes(id))) {
    const lanes = worlds.flatMap((world, at) =>
      Object.entries(nativeLanesOf(row.id, world, at === 0)).map(([lane, spec]) => ({ users: world.users, lane, cpu: spec.cpu, run: new Lane(spec) })),
    );
    const rowBegan = performance.now();
    for (const [at, connections] of plan.connections.entries()) {
      // On a busy machine a row has fewer rounds, and the report notes it.
      const deadline = rowBegan + (plan.rowSeconds * 1000 * (at + 1)) / plan.connections.length;
      const cells = lanes.map((each) => ({ ...each, warm: at > 0, rounds: [] }));
      await measure(cells, connections, deadline, plan);
      report.cells.push(...cells.map(({ users, lane, rounds, void: reason }) => ({ row: row.id, connections, users, lane, rounds, void: reason })));
    }
    printRow(row, report);
  }
} finally {
  for (const { stop } of worlds) await stop();
}
report.load.after = loadavg()[0];
report.seconds = (performance.now() - began) / 1000;
console.log(`\nhamrah-api ${about.commit}${about.changed ? " with changes" : ""}, native; axum ${about.axum}, sqlx ${about.sqlx}, rustc ${about.rustc}; ${about.machine}`);
console.log(`${report.seconds.toFixed(0)} s, load ${report.load.before.toFixed(1)} before and ${report.load.after.toFixed(1)} after`);
if (about.preliminary) console.log("A quick run: its figures are preliminary.");
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(report, null, 1)}\n`);
const page = new URL("docs/PERFORMANCE.md", root);
for (const [marks, isChosen] of [
  [NATIVE_MARKS, (row) => !isOfRelay(row)],
  [NATIVE_RELAY_MARKS, isOfRelay],
]) {
  const cells = report.cells.filter(({ row }) => isChosen(row));
  if (flags.markdown && cells.length > 0) intoDocument(page, nativeMarkdown({ ...report, cells }), marks);
}
