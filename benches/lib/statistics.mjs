// Quantiles, medians and spreads.
export const quantile = (values, share) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
};

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Returns `{median, min, max}`. */
export const spread = (values) => ({ median: median(values), min: Math.min(...values), max: Math.max(...values) });

const isMeasured = (cell) => cell && !cell.void && cell.rounds.length > 0;

/**
 * Returns the result of a cell: the spread of the requests per second, the median of the rounds'
 * p50 latencies and of their p99 latencies, and the processor time per request.
 */
export const summary = (cell) => {
  const of = (name) => cell.rounds.map((round) => round[name]);
  const sum = (name) => of(name).reduce((total, value) => total + value, 0);
  return { perSecond: spread(of("perSecond")), p50: median(of("p50")), p99: median(of("p99")), cpu: sum("cpu") / sum("requests") };
};

/** Returns the spread of the per-round ratios of the requests per second of `cell` and `other`. */
export const ratio = (cell, other) => {
  if (!isMeasured(cell) || !isMeasured(other)) return undefined;
  const rounds = Math.min(cell.rounds.length, other.rounds.length);
  return spread(Array.from({ length: rounds }, (_, at) => cell.rounds[at].perSecond / other.rounds[at].perSecond));
};
