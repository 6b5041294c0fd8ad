// The rounds of a row. Each cell has a slot in turn, so that a disturbance of the machine affects
// all of them.
import { performance } from "node:perf_hooks";
import { quantile } from "./statistics.mjs";

/**
 * Measures the cells of one row and one number of connections in turn, for `plan.rounds` rounds.
 * After `deadline`, no further round begins. A cell has `run`, a lane; `cpu()`, which returns the
 * server's processor time; `warm`, false before the first warm-up of the server in this row; and
 * `rounds`, which this function fills. If a measurement fails, this function sets the cell's `void`
 * to the reason and does not measure the cell again.
 */
export const measure = async (cells, connections, deadline, plan) => {
  const slot = async (cell, milliseconds) => {
    try {
      const result = await cell.run.slot(connections, milliseconds, cell.cpu);
      if (result.errors > 0) cell.void ??= result.problem;
      return result;
    } catch (error) {
      cell.void ??= error.message;
    }
  };
  for (const cell of cells) await slot(cell, cell.warm ? plan.warmUp : plan.firstWarmUp / 4);
  for (let round = 0; round < plan.rounds; round += 1) {
    if (round > 0 && performance.now() > deadline) return;
    // Each round begins with a different cell, so that no cell always has the first slot.
    const turned = cells.map((_, at) => cells[(at + round) % cells.length]);
    for (const cell of turned) {
      if (cell.void) continue;
      const result = await slot(cell, plan.slot);
      if (cell.void) continue;
      const { requests, milliseconds, latencies, cpu } = result;
      cell.rounds.push({ requests, milliseconds, cpu, perSecond: (requests / milliseconds) * 1000, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) });
    }
  }
};
