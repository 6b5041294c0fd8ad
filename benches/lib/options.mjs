// The command line of both benchmarks.
import { parseArgs } from "node:util";
import { ROWS } from "../rows.mjs";

/**
 * Returns the flags, the plan of a quick or a full run, and the ids of the chosen rows. Ends the
 * process if a row is unknown or the number of rounds is not positive.
 */
export const options = ({ quick, full, more = {} }) => {
  const { values: flags } = parseArgs({
    options: {
      ...more,
      json: { type: "string" },
      markdown: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      rows: { type: "string" },
    },
  });
  const planned = flags.quick ? quick : full;
  const plan = { ...planned, rounds: Number(flags.rounds ?? planned.rounds) };
  const chosen = flags.rows?.split(",") ?? ROWS.map(({ id }) => id);
  const unknown = chosen.filter((id) => !ROWS.some((row) => row.id === id));
  if (unknown.length > 0 || !(plan.rounds >= 1)) {
    console.error(`invalid: ${unknown.join(", ") || "--rounds"}. Rows: ${ROWS.map(({ id }) => id).join(", ")}`);
    process.exit(2);
  }
  return { flags, plan, chosen };
};
