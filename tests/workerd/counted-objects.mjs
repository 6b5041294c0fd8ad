// The Worker under test, with a class around the object of a channel that counts the rows that its
// statements write.
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
  rows = 0;

  constructor(state, env) {
    const { storage } = state;
    const exec = (...args) => {
      const cursor = storage.sql.exec(...args);
      return {
        toArray: () => {
          const found = cursor.toArray();
          this.rows += cursor.rowsWritten;
          return found;
        },
      };
    };
    const counted = over(storage, { sql: { exec } });
    this.real = new Real(over(state, { storage: counted }), env);
  }

  async fetch(request) {
    const before = this.rows;
    const answer = new Response(...(await copy(await this.real.fetch(request))));
    answer.headers.set("x-rows-written", String(this.rows - before));
    return answer;
  }

  alarm() {
    return this.real.alarm();
  }
}

const copy = async (answer) => [
  await answer.text(),
  { status: answer.status, headers: answer.headers },
];

export { default, HubObject } from "./index.js";
