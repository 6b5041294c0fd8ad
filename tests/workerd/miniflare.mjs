// The built Worker in workerd, over a local D1 in memory, without wrangler's proxy.
//
// Between Worker and database stands a class that asks the outside before every batch: so tests count round trips and rows,
// and make any call fail, before or after it took effect. Miniflare enforces few of D1's limits; that class does.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, LogLevel, Miniflare, Response } from "miniflare";
import { writeDocuments } from "../../scripts/documents.mjs";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

export const COMPATIBILITY_DATE = /^compatibility_date = "(.*)"$/m.exec(read("wrangler.toml"))[1];

/** A fresh JWK set of one Ed25519 key, as the setting's text. */
export const signingKeys = () => {
  const { kty, crv, x, d } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return JSON.stringify({ keys: [{ kty, crv, x, d, alg: "EdDSA", use: "sig" }] });
};

/** The statements of all migrations: each ends with a semicolon before an empty line or the end of its file. */
export const migrations = (checkout = root) =>
  readdirSync(new URL("migrations/", checkout))
    .sort()
    .flatMap((file) => readFileSync(new URL(`migrations/${file}`, checkout), "utf8").split(/;\s*(?:\n\s*\n|$)/))
    .map((statement) => statement.replace(/^\s*--.*$/gm, "").trim())
    .filter((statement) => statement);

/** A process's name, and what follows it in its line (proc(5)), which is counted from 3 there; nothing where there is no procfs. */
export const statusOf = (pid) => {
  try {
    const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return { name, fields: rest.split(" ") };
  } catch {
    return { name: "", fields: [] };
  }
};

const claimed = new Set();

/** The process that was started here last. */
export const newestWorkerd = () => {
  const here = existsSync("/proc/self/stat") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  const isOurs = ({ name, fields }) => name === "workerd" && fields[1] === String(process.pid);
  const pid = here.find((each) => !claimed.has(each) && isOurs(statusOf(each)));
  if (pid) claimed.add(pid);
  return pid;
};

/** Asks the database for the tests, over a socket of its own: Miniflare's proxy of a binding fails now and then under load. */
export const SQL_WORKER = `export default {
  async fetch(request, { REAL }) {
    try {
      const prepared = (await request.json()).map(({ text, params = [] }) => REAL.prepare(text).bind(...params));
      return Response.json((await REAL.batch(prepared)).map(({ results }) => results));
    } catch (error) {
      return new Response(String(error?.stack ?? error), { status: 500 });
    }
  },
};`;
export const DIRECT = [{ host: "127.0.0.1", port: 0 }];

/** A folder with the static assets that need no building, until this process ends. */
let folder;
const documents = () => {
  if (!folder) {
    folder = mkdtempSync(join(tmpdir(), "hamrah-assets-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    writeDocuments(folder, "--dev");
  }
  return folder;
};

/** Requests of an address in a minute, where a test does not say how many. */
const PLENTY = 1_000_000;

/** What is built in has ids above this, and stays. */
const BUILT_IN = 1_000_000_000;
const TABLES = ["policy_events", "person_permissions", "person_roles", "person_tokens", "people", "passwords", "outbox", "events", "attempts", "backup_codes", "totp", "attest_keys", "passkeys", "challenges", "refresh_tokens", "sessions", "identities", "users"];

/**
 * Starts the API. `vars` are settings, of which `RATE_LIMIT_SIGN_IN` and `RATE_LIMIT_PUBLIC` are for the rate-limiting bindings, unless
 * `limiters` is false; `workers` are further Workers that may bind to it as the service `hamrah-api`; `wrapped` are bindings of its own, by the
 * Worker that stands in for each; `cf` is what the edge says about a request's connection; with `assets` the reference is served beside it.
 *
 * Gives: `url`; `settings` in use; `sql(text, params)`; `cpu()`, the milliseconds that workerd has spent, databases included; `cron()`; `direct(worker)`, another Worker's own address; `reset()`, which empties the tables;
 * `stats`, the round trips and rows of D1 since the last reset; `plan`, see below; `logs`, every line of the console;
 * `reload(vars)`, which starts the Worker again with changed settings over the same database and at the same address; `stop()`.
 *
 * A plan is an array of `{at, mode, message}`: the `at`-th batch from now (0 is the next one) fails: `before` it ran, `after` it
 * took effect, or at a statement inside of it (`within`, `statement`); or it answers late (`hang`, `milliseconds`), or runs only when
 * there is another plan (`held`).
 */
export const startApi = async ({ vars = {}, workers = [], wrapped = {}, limiters = true, port = 0, cf = false, assets = false } = {}) => {
  const stats = { batches: 0, statements: 0, rowsRead: 0, rowsWritten: 0 };
  const state = { plan: [], goOn: () => {} };
  const logs = [];
  const settings = {
    ENVIRONMENT: "development",
    INTERNAL_API_KEY: randomBytes(32).toString("base64url"),
    JWT_SIGNING_KEYS: signingKeys(),
    SECRETS_KEY: randomBytes(32).toString("base64url"),
    BOOTSTRAP_SECRET: randomBytes(32).toString("base64url"),
    // What a hash costs in production is seen where that is tested.
    ...(vars.ENVIRONMENT === "production" ? {} : { PASSWORD_HASH_MEMORY_KIB: "256", PASSWORD_HASH_PASSES: "1" }),
    ...vars,
  };

  const control = async (request) => {
    const message = await request.json();
    if (message.kind === "before") {
      const index = stats.batches;
      stats.batches += 1;
      stats.statements += message.statements;
      const step = state.plan.find(({ at }) => at === index);
      if (step?.mode === "held") await new Promise((resume) => (state.goOn = resume));
      return Response.json(step ?? {});
    }
    stats.rowsRead += message.rowsRead;
    stats.rowsWritten += message.rowsWritten;
    return Response.json({});
  };

  // Natively the limits are settings; at the edge they stand in wrangler.toml.
  const limiterOf = (name) => [`${name}_RATE_LIMITER`, { simple: { limit: Number(settings[`RATE_LIMIT_${name}`] ?? PLENTY), period: 60 } }];
  const ratelimits = limiters ? Object.fromEntries(["SIGN_IN", "PUBLIC"].map(limiterOf)) : {};

  class Capture extends Log {
    log(message) {
      logs.push(String(message));
    }
  }

  const isWrapped = ({ name }) => Object.values(wrapped).some(({ scriptName }) => scriptName === name);
  const options = () => ({
    port,
    host: "127.0.0.1",
    cf,
    unsafeTriggerHandlers: true,
    log: new Capture(LogLevel.INFO),
    handleRuntimeStdio: (stdout, stderr) => {
      for (const stream of [stdout, stderr]) stream.on("data", (chunk) => logs.push(String(chunk)));
    },
    workers: [
      {
        name: "hamrah-api",
        modules: [
          { type: "ESModule", path: "index.js", contents: read("build/index.js") },
          { type: "CompiledWasm", path: "index_bg.wasm", contents: readFileSync(new URL("build/index_bg.wasm", root)) },
        ],
        compatibilityDate: COMPATIBILITY_DATE,
        bindings: settings,
        ...(assets ? { assets: { directory: documents(), routerConfig: { has_user_worker: true } } } : {}),
        ratelimits,
        d1Databases: { REAL: "hamrah-test" },
        serviceBindings: { CONTROL: control },
        wrappedBindings: { DB: { scriptName: "d1-between" }, ...wrapped },
      },
      {
        name: "d1-between",
        modules: true,
        script: read("tests/workerd/d1-between.mjs"),
        d1Databases: { REAL: "hamrah-test" },
        serviceBindings: { CONTROL: control },
      },
      { name: "sql", modules: true, script: SQL_WORKER, d1Databases: { REAL: "hamrah-test" }, unsafeDirectSockets: DIRECT },
      // What is wrapped has no address.
      ...workers.map((worker) => (isWrapped(worker) ? worker : { ...worker, unsafeDirectSockets: DIRECT })),
    ],
  });
  const miniflare = new Miniflare(options());
  const url = (await miniflare.ready).origin;
  const pid = newestWorkerd();
  const direct = async (worker) => (await miniflare.unsafeGetDirectURL(worker)).origin;
  let database = await direct("sql");
  const ask = async (statements) => {
    const answer = await fetch(database, { method: "POST", body: JSON.stringify(statements) });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  await ask(migrations().map((text) => ({ text })));

  return {
    url,
    settings,
    stats,
    logs,
    direct,
    sql: async (text, params = []) => (await ask([{ text, params }]))[0],
    // Ticks are hundredths of a second wherever Node runs.
    cpu: () => statusOf(pid).fields.slice(11, 13).reduce((total, ticks) => total + Number(ticks) * 10, 0),
    // To the Worker itself: what stands before it, with assets, has no scheduled handler.
    cron: async () => ({
      outcome: await (await fetch(`${url}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`, { headers: { "MF-Route-Override": "hamrah-api" } })).text(),
    }),
    plan: (steps) => {
      state.goOn();
      state.plan = steps.map((step) => ({ ...step, at: stats.batches + step.at }));
    },
    reset: async () => {
      state.plan = [];
      logs.length = 0;
      const policy = ["role_permissions WHERE role_id", "service_roles WHERE service_id", "services WHERE id", "roles WHERE id", "permissions WHERE id"];
      const emptied = [...TABLES, ...policy.map((where) => `${where} < ${BUILT_IN}`)].map((what) => ({ text: `DELETE FROM ${what}` }));
      await ask([...emptied, { text: "UPDATE id_counters SET last = 0" }, { text: "UPDATE services SET policy_version = 1" }]);
      for (const name of Object.keys(stats)) stats[name] = 0;
    },
    reload: async (changed) => {
      Object.assign(settings, changed);
      await miniflare.setOptions(options());
      database = await direct("sql");
    },
    stop: () => miniflare.dispose(),
  };
};
