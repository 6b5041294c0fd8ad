// The native server's figures as tables of docs/PERFORMANCE.md.
import { LANES, ROWS } from "../rows.mjs";
import { cpuIn, finder, fixed, grouped, rate, table, times } from "./markdown.mjs";
import { ratio, summary } from "./statistics.mjs";

export const NATIVE_MARKS = ["<!-- native figures -->", "<!-- end of native figures -->"];
/** The relay has a section of its own. */
export const NATIVE_RELAY_MARKS = ["<!-- native figures of the relay -->", "<!-- end of native figures of the relay -->"];

/** Returns the text of a cell, which may be void. */
const of = (cell, tell) => (!cell ? "" : cell.void || cell.rounds.length === 0 ? "void" : tell(summary(cell)));
const withSpread = ({ perSecond: { median, min, max } }) => `${grouped(median)} (${grouped(min)}–${grouped(max)})`;

export const nativeMarkdown = ({ about, cells, load, seconds }) => {
  const { connections, users, rounds, slot } = about.plan;
  const find = finder(cells);
  const cpuOf = cpuIn(cells, 3);
  const rows = ROWS.filter(({ id }) => cells.some(({ row }) => row === id));
  const middle = connections.includes(8) ? 8 : connections[0];
  const cut = cells.filter((cell) => !cell.void && cell.rounds.length < rounds).length;
  const notes = [
    cut > 0 && `**${cut} of ${cells.length} measurements have fewer than ${rounds} rounds: the machine was too busy.**`,
    about.preliminary && "**Preliminary: a quick run.**",
  ];
  const parts = [
    [
      ...notes.filter(Boolean),
      `${about.at.slice(0, 10)}, commit ${about.commit}${about.changed ? " (with changes)" : ""}; axum ${about.axum}, sqlx ${about.sqlx}, ` +
        `rustc ${about.rustc}, Node ${about.node}; ${about.machine}; load ${fixed(load.before, 1)} before and ${fixed(load.after, 1)} after; ` +
        `${rounds} rounds of ${slot} ms; ${fixed(seconds, 0)} s in all.`,
    ].join(" "),
  ];

  for (const many of users) {
    const grown = many !== users[0];
    parts.push(`### ${grouped(many)} accounts: requests a second`);
    const head = ["", ...connections.map((each) => `${each} conn. (min–max)`), `p50 ms, ${middle} conn.`, `p99 ms, ${middle} conn.`, "CPU ms"];
    const line = ({ id, title }) => {
      const cell = find(id, middle, many, "hamrah");
      const against = grown ? [times(ratio(cell, find(id, middle, users[0], "hamrah")))] : [];
      const rates = connections.map((each) => of(find(id, each, many, "hamrah"), withSpread));
      return [title, ...rates, of(cell, ({ p50 }) => fixed(p50, 2)), of(cell, ({ p99 }) => fixed(p99, 2)), cpuOf(id, "hamrah", many), ...against];
    };
    parts.push(table([...head, ...(grown ? [`against ${grouped(users[0])} accounts, ${middle} conn.`] : [])], rows.map(line)));
  }

  const floors = cells.filter(({ lane }) => lane !== "hamrah");
  if (floors.length > 0) {
    parts.push("### Against bare axum and sqlx");
    const line = (cell) => {
      const ours = find(cell.row, cell.connections, cell.users, "hamrah");
      const cpus = [ours, cell].map((each) => of(each, ({ cpu }) => fixed(cpu, 3)));
      const { title } = ROWS.find(({ id }) => id === cell.row);
      return [title, LANES[cell.lane], grouped(cell.users), String(cell.connections), rate(ours), rate(cell), times(ratio(ours, cell)), ...cpus];
    };
    parts.push(table(["", "against", "accounts", "connections", "ours", "bare", "ratio (min–max)", "CPU ms, ours", "CPU ms, bare"], floors.map(line)));
  }
  return parts.join("\n\n");
};
