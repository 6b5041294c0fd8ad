// The benchmark: `node benches/run.mjs`. docs/PERFORMANCE.md describes the method.
//
//   --json FILE       writes every figure to FILE
//   --rows a,b        measures only these rows
//   --markdown        writes the tables into docs/PERFORMANCE.md
//   --before DIR      also measures the Worker in build/ of DIR, a checkout of another commit
//   --rounds N        the number of rounds of each row (5 by default)
//   --quick           a short run with preliminary figures, to try the harness
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, platform } from "node:os";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { startBetterAuth } from "./contestants/better-auth.mjs";
import { startEmpty } from "./contestants/empty.mjs";
import { startHamrah } from "./contestants/hamrah.mjs";
import { coldStarts, workerdVersion } from "./lib/cold.mjs";
import { Lane } from "./lib/load.mjs";
import { intoDocument, markdown } from "./lib/markdown.mjs";
import { RELAY_MARKS, relayMarkdown } from "./lib/relay-markdown.mjs";
import { options } from "./lib/options.mjs";
import { printRow, printRest } from "./lib/print.mjs";
import { measure } from "./lib/rounds.mjs";
import { sizes } from "./size.mjs";
import { COMPATIBILITY_DATE } from "../tests/workerd/miniflare.mjs";
import { ROWS, isOfRelay, lanesOf } from "./rows.mjs";

const root = new URL("../", import.meta.url);
const { flags, plan, chosen } = options({
  more: { before: { type: "string" } },
  quick: { rounds: 2, slot: 120, warmUp: 80, firstWarmUp: 400, connections: [1, 8], users: [100, 5_000], cold: 5, counted: 5, rowSeconds: 20 },
  full: { rounds: 5, slot: 250, warmUp: 100, firstWarmUp: 1500, connections: [1, 8, 32], users: [100, 100_000], cold: 15, counted: 10, rowSeconds: 35 },
});
if (!existsSync(new URL("build/index_bg.wasm", root))) {
  console.error("build/ contains no Worker. Run make build.");
  process.exit(2);
}

// The rows of the relay have no better-auth beside them.
const isCompared = !chosen.every(isOfRelay);
if (isCompared && !existsSync(new URL("benches/node_modules", root))) {
  console.error("better-auth is not installed. Run npm ci --prefix benches.");
  process.exit(2);
}

const versionOf = (path) => JSON.parse(readFileSync(new URL(`${path}/package.json`, root), "utf8")).version;
const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();

const about = () => ({
  at: new Date().toISOString(),
  commit: git("rev-parse", "--short", "HEAD"),
  changed: git("status", "--porcelain", "--untracked-files=no") !== "",
  build: existsSync(new URL("build/profile", root)) ? readFileSync(new URL("build/profile", root), "utf8").replace(/^--/, "") : "unknown",
  preliminary: flags.quick,
  machine: `${cpus().length} cores, ${platform()} ${arch()}`,
  node: process.versions.node,
  workerd: workerdVersion(),
  miniflare: versionOf("node_modules/miniflare"),
  compatibilityDate: COMPATIBILITY_DATE,
  ...(isCompared ? { betterAuth: versionOf("benches/node_modules/better-auth"), passkey: versionOf("benches/node_modules/@better-auth/passkey") } : {}),
  plan,
});

const count = async (cell) => {
  const { instance, spec } = cell;
  if (spec.worker === undefined) return undefined;
  // The counted Worker has objects of its own, so it needs channels of its own.
  const run = spec.counted ? new Lane(spec.counted) : cell.run;
  const origin = await instance.countedUrlOf(spec.worker);
  // The first requests of a Worker may need more queries.
  await run.each(2, origin);
  let bytes;
  const totals = await instance.counted(async () => (bytes = await run.each(plan.counted, origin)));
  const each = Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, total / plan.counted]));
  return { ...each, bytes: bytes.reduce((total, one) => total + one, 0) / plan.counted };
};

const began = performance.now();
const report = { about: about(), load: { before: loadavg()[0] }, cells: [], counts: [] };
const stops = [];
const start = async (starting) => {
  const started = await starting;
  stops.push(started.stop);
  return started;
};
try {
  console.log(`Starting the servers, with ${plan.users.join(" and with ")} accounts…`);
  const empty = await start(startEmpty());
  const worlds = [];
  for (const users of plan.users) {
    const [hamrah, betterAuth] = await Promise.all([start(startHamrah(users)), isCompared ? start(startBetterAuth(users)) : undefined]);
    const before = flags.before && (await start(startHamrah(users, pathToFileURL(`${flags.before}/`))));
    worlds.push({ users, hamrah, before, betterAuth, empty });
  }
  const floors = ["empty", ...Object.keys(empty.lanes)];
  const instanceOf = ({ hamrah, before, betterAuth }, lane) => {
    if (floors.includes(lane)) return empty.instance;
    return (lane.startsWith("better-auth") ? betterAuth : lane === "before" ? before : hamrah).instance;
  };

  for (const row of ROWS.filter(({ id }) => chosen.includes(id))) {
    const lanes = worlds.flatMap((world, at) =>
      Object.entries(lanesOf(row.id, world, at === 0)).map(([lane, spec]) => ({
        users: world.users,
        lane,
        spec,
        instance: instanceOf(world, lane),
        run: new Lane(spec),
      })),
    );
    const ofRow = [];
    const rowBegan = performance.now();
    for (const [at, connections] of plan.connections.entries()) {
      // On a busy machine a row has fewer rounds, and the report notes it.
      const deadline = rowBegan + (plan.rowSeconds * 1000 * (at + 1)) / plan.connections.length;
      const cells = lanes.map((each) => ({ ...each, cpu: each.instance.cpu, warm: ofRow.length > 0, rounds: [] }));
      await measure(cells, connections, deadline, plan);
      ofRow.push(...cells.map(({ users, lane, rounds, void: reason }) => ({ row: row.id, connections, users, lane, rounds, void: reason })));
    }
    report.cells.push(...ofRow);
    for (const lane of lanes) {
      try {
        const counted = await count(lane);
        if (counted) report.counts.push({ row: row.id, users: lane.users, lane: lane.lane, ...counted });
      } catch (error) {
        report.counts.push({ row: row.id, users: lane.users, lane: lane.lane, void: error.message });
      }
    }
    printRow(row, report);
  }
} finally {
  for (const stop of stops) await stop();
}
if (isCompared) report.cold = await coldStarts(plan.cold);
if (isCompared) report.sizes = await sizes();
report.load.after = loadavg()[0];
report.seconds = (performance.now() - began) / 1000;
printRest(report);
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(report, null, 1)}\n`);
const ofGroup = (isChosen) => ({ ...report, cells: report.cells.filter(isChosen), counts: report.counts.filter(isChosen) });
const page = new URL("docs/PERFORMANCE.md", root);
if (flags.markdown && isCompared) intoDocument(page, markdown(ofGroup(({ row }) => !isOfRelay(row))));
if (flags.markdown && chosen.some(isOfRelay)) intoDocument(page, relayMarkdown(ofGroup(({ row }) => isOfRelay(row))), RELAY_MARKS);
