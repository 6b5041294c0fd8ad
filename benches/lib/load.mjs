// A slot: a fraction of a second in which one contestant answers the requests of one row, over a
// fixed number of connections, with one request at a time on each.
import { performance } from "node:perf_hooks";
import { Connection, serialize } from "./connection.mjs";

/** The limits of the number of requests that are prepared for a slot with single-use requests. */
const FEWEST = 32;
const MOST = 384;
/** The number of clients in a row whose requests can be repeated. */
const MOST_CLIENTS = 32;

/**
 * The requests of one contestant for one row. The constructor takes `origin`; `expect`, the
 * expected status; `prepare(count, connections)`, which returns states; `request(state)`, which
 * returns a request; and if needed `once`; `accept(state, answer)`, which reads data for the next
 * request from an answer; and `check(body)`, which returns whether a body is correct.
 *
 * A state is a client for the whole run or, with `once`, a single-use request, which is prepared
 * for each slot.
 */
export class Lane {
  #spec;
  #states;
  #rate = 200;

  constructor(spec) {
    this.#spec = spec;
  }

  async #ready(connections, milliseconds) {
    if (this.#spec.once) {
      const count = Math.min(MOST, Math.max(FEWEST, connections, Math.ceil((this.#rate * milliseconds) / 1000)));
      // Every connection sends the same number of requests.
      return this.#spec.prepare(Math.ceil(count / connections) * connections, connections);
    }
    this.#states ??= await this.#spec.prepare(MOST_CLIENTS, MOST_CLIENTS);
    return this.#states;
  }

  /**
   * Runs a slot. Returns `{requests, milliseconds, latencies, errors, problem, cpu}`, with the
   * latencies and the processor time in milliseconds.
   */
  async slot(connections, milliseconds, cpu) {
    const { once, expect = 200, request, accept, check } = this.#spec;
    const states = await this.#ready(connections, milliseconds);
    const texts = once || !accept ? states.map((state) => serialize(request(state))) : undefined;
    // Each slot opens its own connections, because workerd would close idle ones between slots.
    const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(this.#spec.origin)));
    const latencies = [];
    const result = { errors: 0, problem: undefined };
    const cpuBefore = cpu();
    const begin = performance.now();
    const deadline = begin + milliseconds;

    const work = async (index) => {
      const connection = opened[index];
      for (let turn = index; ; turn += once ? connections : 0) {
        if (once ? turn >= states.length : performance.now() >= deadline) return;
        const state = states[turn];
        const text = texts ? texts[turn] : serialize(request(state));
        const sent = performance.now();
        const answer = await connection.send(text);
        latencies.push(performance.now() - sent);
        if (answer.status !== expect || (check && !check(answer.body))) {
          result.errors += 1;
          result.problem ??= `${answer.status} ${answer.body.toString().slice(0, 200)}`;
          return;
        }
        if (accept && !once) accept(state, answer);
      }
    };
    const ended = await Promise.allSettled(opened.map((_, index) => work(index)));

    const elapsed = performance.now() - begin;
    const used = cpu() - cpuBefore;
    for (const connection of opened) connection.close();
    const failed = ended.find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
    if (latencies.length > 0) this.#rate = (latencies.length / elapsed) * 1000;
    return { ...result, requests: latencies.length, milliseconds: elapsed, latencies, cpu: used };
  }

  /**
   * Sends `count` requests one after the other to `origin`, for the counting pass. Returns the size
   * of each answer in bytes.
   */
  async each(count, origin) {
    const { once, expect = 200, request, accept, check, prepare } = this.#spec;
    const states = once ? await prepare(count, 1) : (this.#states ??= await prepare(MOST_CLIENTS, MOST_CLIENTS));
    const connection = await Connection.open(origin);
    const bytes = [];
    try {
      for (let turn = 0; turn < count; turn += 1) {
        const state = states[once ? turn : 0];
        const answer = await connection.send(serialize(request(state)));
        if (answer.status !== expect || (check && !check(answer.body))) throw new Error(`${answer.status} ${answer.body.toString().slice(0, 200)}`);
        if (accept && !once) accept(state, answer);
        bytes.push(answer.bytes);
      }
    } finally {
      connection.close();
    }
    return bytes;
  }
}
