/**
 * Decides which calls to the objects of channels fail, and counts them in `stats.calls`.
 *
 * Returns `plan(steps)`, whose steps are `{at, mode, times}`. Step 0 is the next call. It fails
 * `before` it reached the object or `after` it took effect, at its first attempts (`times`) or at
 * all. Or it answers late (`hang`, `milliseconds`). With `unreachable`, all later calls fail too.
 * `step(call)` returns the step that an attempt of the call meets.
 */
export const objectFaults = (stats) => {
  let planned = [];
  /** The steps of the calls that failed. A repeat of such a call is the same call. */
  const failed = new Map();
  return {
    plan: (steps) => {
      failed.clear();
      planned = steps.map((step) => ({ ...step, at: stats.calls + step.at }));
    },
    step: (call) => {
      let step = failed.get(call);
      if (!step) {
        const index = stats.calls;
        stats.calls += 1;
        const hits = ({ at, mode }) => (mode === "unreachable" ? at <= index : at === index);
        const found = planned.find(hits);
        if (!found) return {};
        step = { times: Infinity, ...found };
        failed.set(call, step);
      }
      step.times -= 1;
      if (step.times >= 0) return step;
      failed.delete(call);
      return {};
    },
  };
};
