// The relay's figures at the edge as tables of docs/PERFORMANCE.md. better-auth has no relay, so the
// floors are beside it.
import { LANES, ROWS } from "../rows.mjs";
import { cpuIn, finder, fixed, grouped, rate, table, times } from "./markdown.mjs";
import { ratio } from "./statistics.mjs";

export const RELAY_MARKS = ["<!-- edge figures of the relay -->", "<!-- end of edge figures of the relay -->"];

const COUNTS = ["roundTrips", "statements", "rowsRead", "rowsWritten", "objectCalls", "objectStatements", "objectRowsRead", "objectRowsWritten"];

export const relayMarkdown = ({ about, cells, counts, load, seconds }) => {
  const { rounds, slot } = about.plan;
  const find = finder(cells);
  const cpuOf = cpuIn(cells, 2);
  const titleOf = (id) => ROWS.find((row) => row.id === id).title;
  const cut = cells.filter((cell) => !cell.void && cell.rounds.length < rounds).length;
  const notes = [
    cut > 0 && `**${cut} of ${cells.length} measurements have fewer than ${rounds} rounds: the machine was too busy.**`,
    about.preliminary && "**Preliminary: a quick run.**",
    about.build !== "release" && `**This is not a release build (${about.build}): only the counts count.**`,
  ];
  const line =
    `${about.at.slice(0, 10)}, commit ${about.commit}${about.changed ? " (with changes)" : ""}, ${about.build} build; workerd ${about.workerd}, ` +
    `Miniflare ${about.miniflare}, Node ${about.node}; ${about.machine}; load ${fixed(load.before, 1)} before and ${fixed(load.after, 1)} after; ` +
    `${rounds} rounds of ${slot} ms; ${fixed(seconds, 0)} s in all.`;

  // Times of another build say nothing.
  const isTimed = about.build === "release";
  const floors = cells.filter(({ lane }) => lane !== "hamrah");
  const against = floors.map((cell) => {
    const ours = find(cell.row, cell.connections, cell.users, "hamrah");
    return [titleOf(cell.row), LANES[cell.lane], grouped(cell.users), String(cell.connections), rate(ours), rate(cell), times(ratio(ours, cell))];
  });

  const counted = counts.filter(({ lane }) => lane === "hamrah");
  const costs = counted.map((count) => {
    const lead = [titleOf(count.row), grouped(count.users)];
    if (count.void) return [...lead, "void", ...Array(COUNTS.length + 1).fill("")];
    const numbers = COUNTS.map((name) => String(Math.round(count[name] * 10) / 10));
    return [...lead, ...numbers, grouped(count.bytes), isTimed ? cpuOf(count.row, count.lane, count.users) : ""];
  });
  const head = ["", "accounts", "D1 round trips", "statements", "rows read", "rows written", "object calls", "statements there", "rows read there", "rows written there", "bytes of the answer", "CPU ms"];
  return [
    [...notes.filter(Boolean), line].join(" "),
    ...(isTimed ? ["#### Against the floors", table(["", "against", "accounts", "connections", "ours", "the other", "ratio (min–max)"], against)] : []),
    "#### What a request of the relay costs",
    table(head, costs),
  ].join("\n\n");
};
