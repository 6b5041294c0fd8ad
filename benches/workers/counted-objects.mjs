// The Worker in the counting pass, with a class around the object of a channel that adds the
// object's statements and rows to each answer. tests/workerd has such a class for written rows.
import { ChannelObject as Real } from "./index.js";

/** Returns `target` with other values for the properties in `changed`. */
const over = (target, changed) =>
  new Proxy(target, {
    get: (_, name) => {
      if (name in changed) return changed[name];
      const value = target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

export class ChannelObject {
  counts = { statements: 0, "rows-read": 0, "rows-written": 0 };

  constructor(state, env) {
    const { storage } = state;
    const exec = (...args) => {
      const cursor = storage.sql.exec(...args);
      return {
        toArray: () => {
          const found = cursor.toArray();
          this.counts.statements += 1;
          this.counts["rows-read"] += cursor.rowsRead;
          this.counts["rows-written"] += cursor.rowsWritten;
          return found;
        },
      };
    };
    this.real = new Real(over(state, { storage: over(storage, { sql: { exec } }) }), env);
  }

  async fetch(request) {
    const before = { ...this.counts };
    const { status, headers, body } = await this.real.fetch(request);
    const answer = new Response(body, { status, headers });
    for (const [name, count] of Object.entries(this.counts)) answer.headers.set(`x-${name}`, String(count - before[name]));
    return answer;
  }

  alarm() {
    return this.real.alarm();
  }
}

export { default, HubObject } from "./index.js";
