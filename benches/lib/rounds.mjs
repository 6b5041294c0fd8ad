// The rounds of a row. Each cell has a slot in turn, so that a disturbance of the machine affects
// all of them.
import { performance } from "node:perf_hooks";
import { quantile } from "./statistics.mjs";

/**
 * Measures the cells of one row and number of connections in turn, round by round, until
 * `deadline`. A cell has `run`, a lane; `cpu()`; `warm`; and `rounds`, which this function fills.
 * The reason for a failure is in its `void`.
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
    // The first cell changes from round to round, so that no cell always follows the same cell.
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
