// The native server with an SQLite file of its own and, over the same file, bare axum and sqlx
// (examples/bare.rs).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statusOf } from "../../tests/workerd/miniflare.mjs";
import { clean, freePort } from "../../tests/native/server.mjs";
import { Connection } from "../lib/connection.mjs";
import { populate, settings } from "./hamrah.mjs";
import { BARE, OURS, relayLanes } from "./relay.mjs";

const TICK_MILLISECONDS = 10;
const PATIENCE_MILLISECONDS = 20_000;

/**
 * Starts a process that listens at `origin`. The system discards its log, because reading it would
 * cost measured time.
 */
const started = async (command, args, { cwd, env, origin }) => {
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  for (const deadline = Date.now() + PATIENCE_MILLISECONDS; ; ) {
    const connection = await Connection.open(origin).catch(() => undefined);
    connection?.close();
    if (connection) break;
    if (child.exitCode !== null || Date.now() > deadline) {
      if (child.exitCode === null) await stop();
      throw new Error(`${command} does not listen: ${said}`);
    }
    await new Promise((resume) => setTimeout(resume, 25));
  }
  const cpu = () => statusOf(child.pid).fields.slice(11, 13).reduce((total, ticks) => total + Number(ticks) * TICK_MILLISECONDS, 0);
  return { cpu, stop };
};

/**
 * Starts both over `users` accounts. Returns `lanes`, ours by row; `query` and `empty`, the floors;
 * `naive`, the lanes of the naive relay; and `stop`.
 */
export const startNative = async (programs, users) => {
  const folder = mkdtempSync(join(tmpdir(), "hamrah-bench-"));
  const stops = [() => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const each of stops.reverse()) await each();
  };
  try {
    const url = `sqlite:${join(folder, "bench.db")}`;
    const bindings = settings();
    const start = async (program, port, args, vars) => {
      const origin = `http://127.0.0.1:${port}`;
      const running = await started(program, args, { cwd: folder, env: clean(vars), origin });
      stops.push(running.stop);
      return { origin, cpu: running.cpu };
    };
    const port = await freePort();
    const api = await start(programs.server, port, ["serve"], { ...bindings, BIND: `127.0.0.1:${port}`, DATABASE_URL: url });
    const next = await freePort();
    const bare = await start(programs.bare, next, [`127.0.0.1:${next}`, url], {});

    const sql = async (statements) => {
      const answer = await fetch(`${bare.origin}/sql`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(statements) });
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    };
    const { lanes, hashes, close } = await populate(api.origin, sql, bindings, users);
    const [relay, naive] = await Promise.all([relayLanes(api.origin, sql, OURS), relayLanes(bare.origin, sql, BARE)]);
    stops.push(close, relay.close, naive.close);
    const at = (server, laneOf) => Object.fromEntries(Object.entries(laneOf).map(([row, lane]) => [row, { ...lane, ...server }]));
    const query = { prepare: async () => hashes, request: ({ hash }) => ({ path: "/session", headers: { "x-token-hash": hash } }) };
    const empty = { prepare: async () => hashes, request: () => ({ path: "/empty" }) };
    return {
      lanes: at(api, { ...lanes, ...relay.lanes }),
      naive: at(bare, naive.lanes),
      query: { ...query, ...bare },
      empty: { ...empty, ...bare },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
