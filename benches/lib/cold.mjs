// Measures cold starts, from the start of workerd to the first answer of a Worker.
//
// Each start is a new process with only the measured Worker and a configuration of its own. A
// reload by Miniflare would also start a process, but with two Workers of Miniflare in front. The
// empty Worker's time is the share of the process itself. A Worker in place of D1 repeats its
// recorded answers, so no start waits for a disk. Processor time is reported too, because it varies
// less than elapsed time.
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import workerd from "workerd";
import { COMPATIBILITY_DATE, signingKeys, statusOf } from "../../tests/workerd/miniflare.mjs";
import { firstQuestions } from "../contestants/better-auth.mjs";
import { bundle } from "./bundle.mjs";
import { token } from "./bulk.mjs";
import { Connection, serialize } from "./connection.mjs";

const PATIENCE_MILLISECONDS = 20_000;
const file = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Returns the source of a Worker that replaces D1. It repeats recorded answers, and answers any
 * other query without rows.
 */
const replaying = (answers) => `const known = new Map(${JSON.stringify(answers.map(({ sql, params, rows }) => [JSON.stringify([sql, params]), rows]))});
const answer = ({ sql, params = [] }) => {
  const rows = known.get(JSON.stringify([sql, params])) ?? [];
  const results = { columns: Object.keys(rows[0] ?? {}), rows: rows.map((row) => Object.values(row)) };
  return { success: true, results, meta: { duration: 0, rows_read: 0, rows_written: 0, changes: 0 } };
};
export default { async fetch(request) {
  const asked = await request.json();
  return Response.json(Array.isArray(asked) ? asked.map(answer) : answer(asked));
} }`;

const text = (value) => JSON.stringify(value);

/**
 * Returns workerd's configuration of a Worker with `modules` (paths of JavaScript, the main one
 * first, and wasm), `bindings` and D1.
 */
const configOf = (folder, { modules, bindings = {}, flags = [], answers = [] }) => {
  const embedded = modules.map((path) => {
    const name = basename(path);
    copyFileSync(path, join(folder, name));
    return `(name = ${text(name)}, ${name.endsWith(".wasm") ? "wasm" : "esModule"} = embed ${text(name)})`;
  });
  const texts = Object.entries(bindings).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`);
  const d1 = `(name = "DB", wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [(name = "fetcher", service = "d1")]))`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [${embedded.join(", ")}], bindings = [${[...texts, d1].join(", ")}],
      compatibilityDate = ${text(COMPATIBILITY_DATE)}, compatibilityFlags = [${flags.map(text).join(", ")}])),
    (name = "d1", worker = (modules = [(name = "d1.js", esModule = ${text(replaying(answers))})], compatibilityDate = ${text(COMPATIBILITY_DATE)})),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (cfBlobHeader = "MF-CF-Blob"), service = "main")],
);`;
};

/**
 * Measures one start. Returns `{first, cpu, second}` in milliseconds: the time to the first answer,
 * the processor time until then, and the time of the next answer of the same process.
 */
const once = async (config, path, expect) => {
  const begin = performance.now();
  const child = spawn(workerd.default, ["serve", "--experimental", config, "--control-fd=3"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MILLISECONDS);
  try {
    const port = await new Promise((listening, failed) => {
      let said = "";
      child.stdio[3].on("data", (chunk) => {
        said += chunk;
        const event = /\{"event":"listen".*?"port":(\d+)/.exec(said);
        if (event) listening(Number(event[1]));
      });
      child.on("exit", () => failed(new Error("workerd ended before it listened")));
    });
    const connection = await Connection.open(`http://127.0.0.1:${port}`);
    const ask = async () => {
      const { status, body } = await connection.send(serialize({ path }));
      if (status !== expect) throw new Error(`cold ${path}: ${status} ${body.toString().slice(0, 200)}`);
      return performance.now();
    };
    const first = await ask();
    const cpu = statusOf(child.pid).fields.slice(11, 13).reduce((total, ticks) => total + Number(ticks) * 10, 0);
    const second = await ask();
    connection.close();
    return { first: first - begin, cpu, second: second - first };
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
};

/**
 * Starts every contestant `times` times, in turn. Returns lists of `{first, cpu, second}` by
 * contestant.
 */
export const coldStarts = async (times) => {
  const folder = mkdtempSync(join(tmpdir(), "hamrah-bench-"));
  const api = { ENVIRONMENT: "development", RATE_LIMITS: "off", INTERNAL_API_KEY: token(), JWT_SIGNING_KEYS: signingKeys(), SECRETS_KEY: token() };
  const other = await firstQuestions();
  const contestants = {
    empty: { modules: [file("../workers/empty.mjs")], path: "/" },
    hamrah: { modules: [file("../../build/index.js"), file("../../build/index_bg.wasm")], bindings: api, path: "/health" },
    "better-auth": { modules: [await bundle("better-auth")], ...other, flags: ["nodejs_compat"], path: "/api/auth/ok" },
  };
  const results = {};
  try {
    const configs = Object.entries(contestants).map(([name, contestant]) => {
      const config = join(folder, `${name}.capnp`);
      writeFileSync(config, configOf(folder, contestant), { mode: 0o600 });
      return { name, config, ...contestant };
    });
    // The first start of each contestant is not counted, because it fills the file cache.
    for (let time = -1; time < times; time += 1) {
      for (const { name, config, path } of configs) {
        const result = await once(config, path, 200);
        if (time >= 0) (results[name] ??= []).push(result);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
};

export const workerdVersion = () => JSON.parse(readFileSync(new URL("../../node_modules/workerd/package.json", import.meta.url), "utf8")).version;
