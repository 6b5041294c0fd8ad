// The figures as tables between two marks in docs/PERFORMANCE.md.
import { readFileSync, writeFileSync } from "node:fs";
import { LANES, ROWS } from "../rows.mjs";
import { targets } from "../targets.mjs";
import { median, ratio, summary } from "./statistics.mjs";

const MARKS = ["<!-- figures: written by `node benches/run.mjs --markdown` -->", "<!-- end of figures -->"];

export const fixed = (value, digits) => value.toFixed(digits);
export const times = (value) => (value ? `**${fixed(value.median, 2)}×** (${fixed(value.min, 2)}–${fixed(value.max, 2)})` : "void");
export const grouped = (value) => Math.round(value).toLocaleString("en");

/** Aligns columns that hold only figures to the right. */
export const table = (head, rows) => {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const isFigures = (at) => rows.every((row) => /^$|^void$|^(\*\*)?[\d.,]+(\s|×|\*|$)/.test(row[at]));
  return [line(head), line(head.map((_, at) => (isFigures(at) ? "--:" : "---"))), ...rows.map(line)].join("\n");
};

export const finder = (cells) => (row, connections, users, lane) =>
  cells.find((cell) => cell.row === row && cell.connections === connections && cell.users === users && cell.lane === lane);

export const rate = (cell) => {
  if (!cell) return "";
  return cell.void ? "void" : grouped(summary(cell).perSecond.median);
};

/** Returns the processor time of a request, in milliseconds, over all numbers of connections. */
export const cpuIn = (cells, digits) => (row, lane, many) => {
  const measured = cells.filter((cell) => cell.row === row && cell.lane === lane && cell.users === many && !cell.void && cell.rounds.length > 0);
  const sum = (name) => measured.flatMap((cell) => cell.rounds).reduce((total, round) => total + round[name], 0);
  return measured.length === 0 ? "" : fixed(sum("cpu") / sum("requests"), digits);
};

export const markdown = (report) => {
  const { about, cells, counts, cold, sizes, load, seconds } = report;
  const { connections, users, rounds, slot } = about.plan;
  const find = finder(cells);
  const rows = ROWS.filter(({ id }) => cells.some(({ row }) => row === id));
  const parts = [];
  const changed = about.changed ? " (with changes)" : "";
  const cut = cells.filter((cell) => !cell.void && cell.rounds.length < rounds).length;
  const notes = [
    cut > 0 && `**${cut} of ${cells.length} measurements have fewer than ${rounds} rounds: the machine was too busy.**`,
    about.preliminary && "**Preliminary: a quick run.**",
    about.build !== "release" && `**This is not a release build (${about.build}), so its figures say nothing about the product.**`,
  ];
  parts.push(
    [
      ...notes.filter(Boolean),
      `${about.at.slice(0, 10)}, commit ${about.commit}${changed}, ${about.build} build; better-auth ${about.betterAuth}, @better-auth/passkey ${about.passkey}; ` +
        `workerd ${about.workerd}, Miniflare ${about.miniflare}, compatibility date ${about.compatibilityDate}, Node ${about.node}; ${about.machine}; ` +
        `load ${fixed(load.before, 1)} before and ${fixed(load.after, 1)} after; ${rounds} rounds of ${slot} ms; ${fixed(seconds, 0)} s in all.`,
    ].join(" "),
  );

  const aims = targets(report);
  parts.push("### Targets, with the fewer accounts", table(aims.head, aims.rows));

  for (const many of users) {
    parts.push(`### ${grouped(many)} accounts: requests a second, and how many times better-auth's`);
    const head = ["", ...connections.flatMap((each) => [`ours, ${each} conn.`, `better-auth`, `ratio (min–max)`])];
    const of = ({ id, title }) =>
      connections.flatMap((each) => {
        const [mine, theirs] = ["hamrah", "better-auth"].map((lane) => find(id, each, many, lane));
        return [rate(mine), rate(theirs), times(ratio(mine, theirs))];
      });
    parts.push(table(head, rows.map((row) => [row.title, ...of(row)])));
  }

  const extras = cells.filter(({ lane }) => lane !== "hamrah" && lane !== "better-auth");
  if (extras.length > 0) {
    parts.push("### Ours against floors, and against better-auth's other settings");
    const titleOf = (id) => ROWS.find((row) => row.id === id).title;
    const line = (cell) => {
      const ours = find(cell.row, cell.connections, cell.users, "hamrah");
      return [titleOf(cell.row), LANES[cell.lane], grouped(cell.users), String(cell.connections), rate(ours), rate(cell), times(ratio(ours, cell))];
    };
    parts.push(table(["", "against", "accounts", "connections", "ours", "the other", "ratio (min–max)"], extras.map(line)));
  }

  if (users.length > 1) {
    const [few, many] = [users[0], users.at(-1)];
    const middle = connections.includes(8) ? 8 : connections[0];
    parts.push(`### ${grouped(many)} accounts against ${grouped(few)}, ${middle} connections`);
    const line = ({ id, title }) => [title, ...["hamrah", "better-auth"].map((lane) => times(ratio(find(id, middle, many, lane), find(id, middle, few, lane))))];
    parts.push(table(["", "ours", "better-auth"], rows.map(line)));
  }

  parts.push("### What a request costs");
  const cpuOf = cpuIn(cells, 2);
  const costs = counts.map((count) => {
    const { title } = ROWS.find(({ id }) => id === count.row);
    const lead = [title, LANES[count.lane], grouped(count.users)];
    if (count.void) return [...lead, "void", "", "", "", "", ""];
    const counted = ["roundTrips", "statements", "rowsRead", "rowsWritten"].map((name) => String(Math.round(count[name] * 10) / 10));
    return [...lead, ...counted, grouped(count.bytes), cpuOf(count.row, count.lane, count.users)];
  });
  parts.push(table(["", "who", "accounts", "D1 round trips", "statements", "rows read", "rows written", "bytes of the answer", "CPU ms"], costs));

  parts.push("### Cold start");
  const firsts = (name) => cold[name].map(({ first }) => first);
  const floor = median(firsts("empty"));
  const started = Object.keys(cold).map((name) => {
    const values = firsts(name);
    const middle = median(values);
    const range = `${fixed(middle, 0)} (${fixed(Math.min(...values), 0)}–${fixed(Math.max(...values), 0)})`;
    return [LANES[name], range, fixed(middle - floor, 0), fixed(median(cold[name].map(({ cpu }) => cpu)), 0)];
  });
  parts.push(table([`of ${cold.empty.length} starts`, "to the first answer, ms", "above the empty Worker, ms", "CPU ms"], started));

  parts.push("### Size");
  parts.push(table(["", "KB", "KB gzip"], sizes.map(({ name, raw, gzip }) => [name, grouped(raw / 1000), grouped(gzip / 1000)])));

  parts.push("### The requests of each row");
  parts.push(table(["", "hamrah-api", "better-auth", "what differs"], ROWS.filter(({ isRelay }) => !isRelay).map(({ title, hamrah, other, differs }) => [title, hamrah, other, differs])));
  return parts.join("\n\n");
};

export const intoDocument = (path, figures, [begin, end] = MARKS) => {
  const text = readFileSync(path, "utf8");
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before < 0 || after < before) throw new Error("docs/PERFORMANCE.md has no place for figures");
  writeFileSync(path, `${text.slice(0, before)}${begin}\n\n${figures}\n\n${text.slice(after)}`);
};
