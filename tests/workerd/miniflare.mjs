// Starts the built Worker in workerd with a local D1 in memory, without wrangler's proxy.
//
// A class between the Worker and the database asks this process before every batch. So tests count
// round trips and rows, and make any batch fail before or after it took effect. The class also
// enforces limits of D1 that Miniflare does not.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Log, LogLevel, Miniflare, Response } from "miniflare";
import { parse } from "smol-toml";
import { documents, newFolder } from "./folders.mjs";
import { objectFaults } from "./object-faults.mjs";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

const WRANGLER = parse(read("wrangler.toml"));
export const COMPATIBILITY_DATE = WRANGLER.compatibility_date;
export const COMPATIBILITY_FLAGS = WRANGLER.compatibility_flags;

/** The Durable Objects of the Worker, as in production. */
export const OBJECTS = Object.fromEntries(
  WRANGLER.durable_objects.bindings.map(({ name, class_name: className }) => [
    name,
    { className, useSQLite: true },
  ]),
);
/** The class of the objects of channels, for a Worker that does not define it. */
const CHANNELS = { ...OBJECTS.CHANNELS, scriptName: "hamrah-api" };

/** Generates the value of JWT_SIGNING_KEYS: a JWK set of one Ed25519 key. */
export const signingKeys = () => {
  const { kty, crv, x, d } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return JSON.stringify({ keys: [{ kty, crv, x, d, alg: "EdDSA", use: "sig" }] });
};

/**
 * Returns the statements of all migrations. Each ends with a semicolon before an empty line or the
 * end of its file.
 */
export const migrations = (checkout = root) =>
  readdirSync(new URL("migrations/", checkout))
    .sort()
    .flatMap((file) =>
      readFileSync(new URL(`migrations/${file}`, checkout), "utf8").split(/;\s*(?:\n\s*\n|$)/),
    )
    .map((statement) => statement.replace(/^\s*--.*$/gm, "").trim())
    .filter((statement) => statement);

/**
 * Returns a process's name and the fields after it in /proc/PID/stat, which proc(5) counts from 3.
 * Both are empty without procfs.
 */
export const statusOf = (pid) => {
  try {
    const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return { name, fields: rest.split(" ") };
  } catch {
    return { name: "", fields: [] };
  }
};

const claimed = new Set();

/** Returns the process id of the newest workerd of this process. */
export const newestWorkerd = () => {
  const here = existsSync("/proc/self/stat")
    ? readdirSync("/proc").filter((name) => /^\d+$/.test(name))
    : [];
  const isOurs = ({ name, fields }) => name === "workerd" && fields[1] === String(process.pid);
  const pid = here.find((each) => !claimed.has(each) && isOurs(statusOf(each)));
  if (pid) claimed.add(pid);
  return pid;
};

/**
 * Runs the tests' own statements over a socket of its own, because Miniflare's proxy of a binding
 * fails sometimes under load.
 */
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
/** Sends a test's own request to the object of a channel. No route of the API does. */
const OBJECTS_WORKER = `export default {
  async fetch(request, { CHANNELS }) {
    const { object, asked } = await request.json();
    return CHANNELS.getByName(object).fetch("http://channel/", { method: "POST", body: JSON.stringify(asked) });
  },
};`;
export const DIRECT = [{ host: "127.0.0.1", port: 0 }];

/** The limit of requests per address and minute, unless a test sets another. */
const PLENTY = 1_000_000;

/** Built-in rows have ids above this. `reset()` keeps them. */
const BUILT_IN = 1_000_000_000;
const TABLES = [
  "relay_counts",
  "relay_sender_keys",
  "relay_blocks",
  "relay_invites",
  "relay_channel_choices",
  "relay_direct_members",
  "relay_channels",
  "relay_removals",
  "relay_members",
  "relay_servers",
  "policy_events",
  "person_permissions",
  "removed_roles",
  "removed_permissions",
  "person_roles",
  "person_tokens",
  "people",
  "passwords",
  "outbox",
  "events",
  "attempts",
  "backup_codes",
  "totp",
  "attest_keys",
  "passkeys",
  "challenges",
  "refresh_tokens",
  "sessions",
  "identities",
  "users",
  // Triggers of the tables above insert into it.
  "relay_outbox",
];

/**
 * Starts the API. `vars` are settings. `RATE_LIMIT_SIGN_IN`, `RATE_LIMIT_PUBLIC` and
 * `RATE_LIMIT_REFUSED_TOKENS` among them set the rate-limiting bindings, which `limiters` false leaves out. `workers` are further Workers,
 * which can bind to the API as the service `hamrah-api`. `wrapped` replaces bindings of the API by
 * Workers. `cf` is the edge's data about a request's connection. `assets` is a folder whose files
 * answer before the API, as in production; `true` means the files that need no build.
 *
 * Returns `url`; `settings`; `sql(text, params)`, the rows of one statement; `run(texts, params)`,
 * the rows of each of several; `channel(object, asked)`, the reply of a channel's object; `cpu()`, the CPU time of workerd with its databases, in
 * milliseconds; `memory()`, its resident memory in bytes; `cron()`; `direct(worker)`, the address of another Worker; `reset()`, which empties
 * the tables; `stats`, the round trips and rows of D1 since the last reset; `plan(steps)`; `planObjects(steps)`, which object-faults.mjs describes; `files`, the folder of all databases; `logs`,
 * every line of the console; `reload(vars)`, which restarts the Worker with changed settings, with
 * the same database and address; `stop()`.
 *
 * The steps of a plan are `{at, mode, message}`. Step 0 is the next batch. It fails `before` it
 * ran, `after` it took effect, or at one of its statements (`within`, `statement`). Or it answers
 * late (`hang`, `milliseconds`), or runs only after the next call of `plan` (`held`).
 */
export const startApi = async ({
  vars = {},
  workers = [],
  wrapped = {},
  limiters = true,
  port = 0,
  cf = false,
  assets = false,
} = {}) => {
  const stats = {
    batches: 0,
    statements: 0,
    rowsRead: 0,
    rowsWritten: 0,
    mostWritten: 0,
    calls: 0,
    objectRows: 0,
  };
  const state = { plan: [], goOn: () => {} };
  const faults = objectFaults(stats);
  const logs = [];
  const files = newFolder("hamrah-stores-");
  const settings = {
    ENVIRONMENT: "development",
    INTERNAL_API_KEY: randomBytes(32).toString("base64url"),
    JWT_SIGNING_KEYS: signingKeys(),
    SECRETS_KEY: randomBytes(32).toString("base64url"),
    BOOTSTRAP_SECRET: randomBytes(32).toString("base64url"),
    // Cheap hashes. The tests of the cost in production set ENVIRONMENT.
    ...(vars.ENVIRONMENT === "production"
      ? {}
      : { PASSWORD_HASH_MEMORY_KIB: "256", PASSWORD_HASH_PASSES: "1" }),
    ...vars,
  };

  const control = async (request) => {
    const message = await request.json();
    if (message.kind === "object rows") {
      stats.objectRows += message.rows;
      return Response.json({});
    }
    if (message.kind === "object") return Response.json(faults.step(message.call));
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
    stats.mostWritten = Math.max(stats.mostWritten, message.rowsWritten);
    return Response.json({});
  };

  const LIMITERS = ["SIGN_IN", "PUBLIC", "REFUSED_TOKENS"];
  // Natively the limits are settings. At the edge they are part of wrangler.toml.
  const limiterOf = (name) => [
    `${name}_RATE_LIMITER`,
    { simple: { limit: Number(settings[`RATE_LIMIT_${name}`] ?? PLENTY), period: 60 } },
  ];
  const ratelimits = limiters ? Object.fromEntries(LIMITERS.map(limiterOf)) : {};

  class Capture extends Log {
    log(message) {
      logs.push(String(message));
    }
  }

  const isWrapped = ({ name }) =>
    Object.values(wrapped).some(({ scriptName }) => scriptName === name);
  const options = () => ({
    port,
    host: "127.0.0.1",
    cf,
    defaultPersistRoot: files,
    unsafeTriggerHandlers: true,
    log: new Capture(LogLevel.INFO),
    handleRuntimeStdio: (stdout, stderr) => {
      for (const stream of [stdout, stderr]) stream.on("data", (chunk) => logs.push(String(chunk)));
    },
    workers: [
      {
        name: "hamrah-api",
        modules: [
          {
            type: "ESModule",
            path: "counted-objects.mjs",
            contents: read("tests/workerd/counted-objects.mjs"),
          },
          { type: "ESModule", path: "index.js", contents: read("build/index.js") },
          {
            type: "CompiledWasm",
            path: "index_bg.wasm",
            contents: readFileSync(new URL("build/index_bg.wasm", root)),
          },
        ],
        compatibilityDate: COMPATIBILITY_DATE,
        compatibilityFlags: COMPATIBILITY_FLAGS,
        bindings: settings,
        ...(assets
          ? {
              assets: {
                directory: assets === true ? documents() : assets,
                routerConfig: { has_user_worker: true },
              },
            }
          : {}),
        ratelimits,
        d1Databases: { REAL: "hamrah-test" },
        // The Worker that defines the class also binds it.
        durableObjects: { REAL_CHANNELS: OBJECTS.CHANNELS, HUBS: OBJECTS.HUBS },
        serviceBindings: { CONTROL: control },
        wrappedBindings: {
          DB: { scriptName: "d1-between" },
          CHANNELS: { scriptName: "objects-between" },
          ...wrapped,
        },
      },
      {
        name: "objects-between",
        modules: true,
        script: read("tests/workerd/objects-between.mjs"),
        durableObjects: { REAL: CHANNELS },
        serviceBindings: { CONTROL: control },
      },
      {
        name: "d1-between",
        modules: true,
        script: read("tests/workerd/d1-between.mjs"),
        d1Databases: { REAL: "hamrah-test" },
        serviceBindings: { CONTROL: control },
      },
      {
        name: "sql",
        modules: true,
        script: SQL_WORKER,
        d1Databases: { REAL: "hamrah-test" },
        unsafeDirectSockets: DIRECT,
      },
      {
        name: "objects",
        modules: true,
        compatibilityDate: COMPATIBILITY_DATE,
        script: OBJECTS_WORKER,
        durableObjects: { CHANNELS },
        unsafeDirectSockets: DIRECT,
      },
      // A Worker that replaces a binding has no address.
      ...workers.map((worker) =>
        isWrapped(worker) ? worker : { ...worker, unsafeDirectSockets: DIRECT },
      ),
    ],
  });
  const miniflare = new Miniflare(options());
  const url = (await miniflare.ready).origin;
  const pid = newestWorkerd();
  const direct = async (worker) => (await miniflare.unsafeGetDirectURL(worker)).origin;
  let database = await direct("sql");
  let objects = await direct("objects");
  /** The channels of the tests' own requests since the last reset. */
  const touched = new Set();
  const channel = async (object, asked) => {
    for (const { channel: id } of Object.values(asked.operation)) if (id) touched.add(id);
    const answer = await fetch(objects, {
      method: "POST",
      body: JSON.stringify({ object, asked }),
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return answer.json();
  };
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
    files,
    direct,
    sql: async (text, params = []) => (await ask([{ text, params }]))[0],
    channel,
    run: (texts, params = []) => ask(texts.map((text) => ({ text, params }))),
    // A tick is a hundredth of a second on every platform of Node.
    cpu: () =>
      statusOf(pid)
        .fields.slice(11, 13)
        .reduce((total, ticks) => total + Number(ticks) * 10, 0),
    memory: () => Number(statusOf(pid).fields[21]) * 4_096,
    // This header sends the request to the Worker itself. With assets, another Worker without a
    // scheduled handler is before it.
    cron: async () => ({
      outcome: await (
        await fetch(`${url}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`, {
          headers: { "MF-Route-Override": "hamrah-api" },
        })
      ).text(),
    }),
    plan: (steps) => {
      state.goOn();
      state.plan = steps.map((step) => ({ ...step, at: stats.batches + step.at }));
    },
    planObjects: faults.plan,
    reset: async () => {
      state.plan = [];
      faults.plan([]);
      logs.length = 0;
      // The object of a channel begins with the first 13 characters of the channel's id.
      for (const id of touched)
        await channel(id.slice(0, 13), { v: 1, operation: { destroy: { channel: id } } });
      touched.clear();
      const policy = [
        "role_permissions WHERE role_id",
        "service_roles WHERE service_id",
        "services WHERE id",
        "roles WHERE id",
        "permissions WHERE id",
      ];
      const emptied = [...TABLES, ...policy.map((where) => `${where} < ${BUILT_IN}`)].map(
        (what) => ({ text: `DELETE FROM ${what}` }),
      );
      await ask([
        ...emptied,
        { text: "UPDATE id_counters SET last = 0" },
        { text: "UPDATE services SET policy_version = 1" },
      ]);
      for (const name of Object.keys(stats)) stats[name] = 0;
    },
    reload: async (changed) => {
      Object.assign(settings, changed);
      await miniflare.setOptions(options());
      database = await direct("sql");
      objects = await direct("objects");
    },
    stop: () => miniflare.dispose(),
  };
};
