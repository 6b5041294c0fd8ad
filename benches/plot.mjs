// Draws docs/performance.svg from the figures of a run: `node benches/plot.mjs FILE.json
// [--connections 8]`.
//
// Each row has a bar: its requests per second, as a multiple of better-auth's, on a logarithmic
// axis, with the spread over the rounds. The chart has a light and a dark colour scheme.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ratio } from "./lib/statistics.mjs";
import { ROWS } from "./rows.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { connections: { type: "string", default: "8" }, out: { type: "string", default: "docs/performance.svg" } },
});
if (positionals.length !== 1) {
  console.error("Usage: node benches/plot.mjs FILE.json [--connections N] [--out FILE.svg]");
  process.exit(2);
}
const report = JSON.parse(readFileSync(positionals[0], "utf8"));
const connections = Number(flags.connections);
const [users] = report.about.plan.users;

const WIDTH = 760;
const LABEL = 276;
const RIGHT = 70;
const TOP = 74;
const STEP = 30;
const TICKS = [0.25, 0.5, 1, 2, 4, 8, 16, 32];

const find = (row, lane) => report.cells.find((cell) => cell.row === row && cell.lane === lane && cell.users === users && cell.connections === connections);
const bars = ROWS.map(({ id, title }) => ({ title, value: ratio(find(id, "hamrah"), find(id, "better-auth")) })).filter(({ value }) => value);
if (bars.length === 0) {
  console.error(`No row has figures of both APIs for ${connections} connections.`);
  process.exit(1);
}

const lowest = Math.min(0.5, ...bars.map(({ value }) => value.min));
const highest = Math.max(4, ...bars.map(({ value }) => value.max));
const ticks = TICKS.filter((tick) => tick >= lowest * 0.7 && tick <= highest * 1.4);
const [from, to] = [Math.min(lowest, ticks[0]), Math.max(highest, ticks.at(-1))].map(Math.log2);
const x = (value) => (LABEL + ((Math.log2(value) - from) / (to - from)) * (WIDTH - LABEL - RIGHT)).toFixed(1);
const height = TOP + bars.length * STEP + 46;
const bottom = TOP + bars.length * STEP;

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const { about } = report;
const warnings = [about.build !== "release" && `build: ${about.build}`, about.preliminary && "preliminary"].filter(Boolean);
const source = `${users} accounts, ${connections} connections; better-auth ${about.betterAuth}, workerd ${about.workerd}; medians of ${about.plan.rounds} rounds, lines from the lowest to the highest ratio`;

const grid = ticks.map(
  (tick) =>
    `<line class="${tick === 1 ? "one" : "grid"}" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 8}" y2="${bottom}"/>` +
    `<text class="tick" x="${x(tick)}" y="${bottom + 16}" text-anchor="middle">${tick}×</text>`,
);
const drawn = bars.map(({ title, value }, at) => {
  const y = TOP + at * STEP;
  const [left, right] = [Math.min(x(1), x(value.median)), Math.max(x(1), x(value.median))];
  const kind = value.median >= 1 ? "more" : "less";
  return [
    `<text class="label" x="${LABEL - 12}" y="${y + 15}" text-anchor="end">${escape(title)}</text>`,
    `<rect class="${kind}" x="${left}" y="${y + 3}" width="${Math.max(1, right - left).toFixed(1)}" height="16" rx="2"/>`,
    `<line class="spread" x1="${x(value.min)}" x2="${x(value.max)}" y1="${y + 11}" y2="${y + 11}"/>`,
    `<text class="value" x="${(Math.max(x(value.max), x(1)) + 8).toFixed(1)}" y="${y + 15}">${value.median.toFixed(1)}×</text>`,
  ].join("");
});

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">hamrah-api against better-auth on the same workerd, each over its own D1</title>
<desc id="description">${escape(bars.map(({ title, value }) => `${title}: ${value.median.toFixed(1)} times`).join("; "))}.</desc>
<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .head { font-size: 15px; font-weight: 600; }
  .tick, .note { font-size: 11px; fill: #59636e; }
  .value { font-weight: 600; font-variant-numeric: tabular-nums; }
  .grid { stroke: #d1d9e0; } .one { stroke: #59636e; stroke-width: 1.5; }
  .more { fill: #2da44e; } .less { fill: #d4772a; } .spread { stroke: #1f2328; stroke-width: 1.5; stroke-opacity: 0.65; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .tick, .note { fill: #9198a1; }
    .grid { stroke: #3d444d; } .one { stroke: #9198a1; }
    .more { fill: #3fb950; } .less { fill: #e0823d; } .spread { stroke: #f0f6fc; }
  }
</style>
<text class="head" x="16" y="26">Requests per second, as a multiple of better-auth's${warnings.length > 0 ? ` (${escape(warnings.join(", "))})` : ""}</text>
<text class="note" x="16" y="46">Both run in workerd, each over its own local D1. docs/PERFORMANCE.md describes the rows.</text>
${grid.join("\n")}
${drawn.join("\n")}
<text class="note" x="16" y="${height - 8}">${escape(source)}</text>
</svg>
`;
writeFileSync(flags.out, svg);
