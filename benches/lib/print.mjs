// Prints the figures as text in the terminal.
import { LANES } from "../rows.mjs";
import { median, ratio, summary } from "./statistics.mjs";

const number = (value, digits = 0) => value.toFixed(digits);
const times = ({ median: middle, min, max }) => `${number(middle, 2)}× (${number(min, 2)}–${number(max, 2)})`;

const line = (cell, ours) => {
  const name = LANES[cell.lane].padEnd(30);
  if (cell.void) return `    ${name} void: ${cell.void.slice(0, 120)}`;
  const { perSecond, p50, p99, cpu } = summary(cell);
  const rate = `${number(perSecond.median).padStart(6)}/s (${number(perSecond.min)}–${number(perSecond.max)})`.padEnd(24);
  const against = cell === ours ? "" : ratio(ours, cell);
  return `    ${name} ${rate} p50 ${number(p50, 2)} ms, p99 ${number(p99, 2)} ms, CPU ${number(cpu, 3)} ms${against ? `; ours ${times(against)}` : ""}`;
};

export const printRow = (row, { about, cells, counts }) => {
  console.log(`\n${row.title}`);
  const ofRow = cells.filter((cell) => cell.row === row.id);
  const groups = new Map(ofRow.map(({ users, connections }) => [`${users} ${connections}`, { users, connections }]));
  for (const { users, connections } of groups.values()) {
    console.log(`  ${users} accounts, ${connections} connection${connections === 1 ? "" : "s"}`);
    const group = ofRow.filter((cell) => cell.users === users && cell.connections === connections);
    const ours = group.find(({ lane }) => lane === "hamrah");
    for (const cell of group) console.log(line(cell, ours));
    if (ours.rounds.length < about.plan.rounds && !ours.void) console.log(`    only ${ours.rounds.length} of ${about.plan.rounds} rounds: the machine is too busy`);
  }
  const counted = counts.filter((each) => each.row === row.id);
  if (counted.length > 0) console.log("  a request");
  for (const count of counted) {
    const name = `${LANES[count.lane]}, ${count.users}`.padEnd(38);
    if (count.void) console.log(`    ${name} void: ${count.void.slice(0, 120)}`);
    else {
      const { roundTrips, statements, rowsRead, rowsWritten, bytes } = count;
      console.log(`    ${name} ${roundTrips} round trips, ${statements} statements, ${rowsRead} rows read, ${rowsWritten} written, ${number(bytes)} bytes`);
      const { objectCalls, objectStatements, objectRowsRead, objectRowsWritten } = count;
      if (objectCalls > 0) console.log(`    ${"".padEnd(38)} ${objectCalls} object calls, ${objectStatements} statements, ${objectRowsRead} rows read, ${objectRowsWritten} written`);
    }
  }
};

/** Prints the cold starts and the sizes, which are compared with better-auth's. */
const printCompared = ({ cold, sizes }) => {
  console.log("\nCold start: from starting workerd to the first answer");
  const floor = median(cold.empty.map(({ first }) => first));
  for (const [name, starts] of Object.entries(cold)) {
    const firsts = starts.map(({ first }) => first);
    const cpu = median(starts.map((each) => each.cpu));
    const middle = median(firsts);
    console.log(
      `    ${LANES[name].padEnd(30)} ${number(middle)} ms (${number(Math.min(...firsts))}–${number(Math.max(...firsts))}), above the empty Worker ${number(middle - floor)} ms, CPU ${number(cpu)} ms`,
    );
  }
  console.log("\nSize");
  for (const { name, raw, gzip } of sizes) console.log(`    ${name.padEnd(30)} ${number(raw / 1000)} KB, gzip ${number(gzip / 1000)} KB`);
};

export const printRest = (report) => {
  const { about, cold, load, seconds } = report;
  if (cold) printCompared(report);
  const { commit, changed, build, node, workerd, miniflare, betterAuth, passkey, machine } = about;
  console.log(`\nhamrah-api ${commit}${changed ? " with changes" : ""}, ${build} build;${betterAuth ? ` better-auth ${betterAuth}, passkey ${passkey};` : ""} workerd ${workerd}, miniflare ${miniflare}, Node ${node}; ${machine}`);
  console.log(`${number(seconds)} s, load ${number(load.before, 1)} before and ${number(load.after, 1)} after`);
  if (build !== "release") console.log("This is not a release build, so its figures say nothing about the product.");
  if (about.preliminary) console.log("A quick run: its figures are preliminary.");
};
