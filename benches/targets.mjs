// The targets for the figures, as ratios within one run. Lanes are those of rows.mjs, and `least`
// is the least ratio of requests per second.
import { LANES, ROWS } from "./rows.mjs";
import { median, ratio } from "./lib/statistics.mjs";

const TARGETS = [
  { row: "session-cookie", lane: "better-auth", least: 2 },
  { row: "access-token", lane: "better-auth", least: 2 },
  { row: "forged", lane: "hamrah-health", least: 0.9 },
  { row: "expired", lane: "hamrah-health", least: 0.9 },
  { row: "refresh", lane: "better-auth", least: 2 },
  { row: "sign-up-complete", lane: "better-auth", least: 1.5 },
  { row: "sign-in-complete", lane: "better-auth", least: 1.5 },
  { row: "health", lane: "empty", least: 0.7 },
];
/** The longest cold start, as a ratio to better-auth's, and the most compressed bytes. */
const COLD = 1.5;
const BUNDLE = 700_000;
/** The greatest loss of rate with many accounts, as a share of the rate with few. */
const LOSS = 0.1;

const yes = (met) => (met ? "yes" : "**no**");

/**
 * Returns the head and the rows of a table: each target, its measured value for each number of
 * connections, and whether the median met it everywhere.
 */
export const targets = ({ about, cells, cold, sizes }) => {
  const { connections, users } = about.plan;
  const find = (row, lane, each, many) => cells.find((cell) => cell.row === row && cell.lane === lane && cell.connections === each && cell.users === many);
  const shown = (value) => (value ? `${value.median.toFixed(2)}×` : "");
  const titleOf = (id) => ROWS.find((row) => row.id === id).title;
  const line = (what, least, values, met) => [what, least, ...values.map(shown), yes(values.every((value) => value && met(value.median)))];
  const rows = [];
  for (const { row, lane, least } of TARGETS) {
    const values = connections.map((each) => ratio(find(row, "hamrah", each, users[0]), find(row, lane, each, users[0])));
    if (values.some(Boolean)) rows.push(line(`${titleOf(row)}, against ${LANES[lane]}`, `≥ ${least}×`, values, (median) => median >= least));
  }
  const few = connections.map((each) => {
    const medians = ROWS.map(({ id }) => ratio(find(id, "hamrah", each, users[1]), find(id, "hamrah", each, users[0]))?.median).filter(Boolean);
    return medians.length > 0 ? { median: median(medians) } : undefined;
  });
  rows.push(line(`${users[1].toLocaleString("en")} accounts against ${users[0]}, the median of all rows`, `≥ ${1 - LOSS}×`, few, (median) => median >= 1 - LOSS));
  const blanks = connections.slice(1).map(() => "");
  const startOf = (lane) => median(cold[lane].map(({ first }) => first));
  const times = startOf("hamrah") / startOf("better-auth");
  rows.push(["Cold start, of better-auth's", `≤ ${COLD}×`, `${times.toFixed(2)}×`, ...blanks, yes(times <= COLD)]);
  const { gzip } = sizes.find(({ name }) => name === "hamrah-api, bundle");
  rows.push(["Bundle, compressed", `≤ ${BUNDLE / 1000} KB`, `${(gzip / 1000).toFixed(0)} KB`, ...blanks, yes(gzip <= BUNDLE)]);
  return { head: ["", "target", ...connections.map((each) => `${each} conn.`), "met"], rows };
};
