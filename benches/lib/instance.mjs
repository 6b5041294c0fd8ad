// A contestant's own Miniflare: one process of workerd over one local D1. Its Workers have
// addresses of their own, without a Worker of Miniflare in front. Each counted Worker runs twice:
// with D1 itself, and with the counting class in between. The same goes for the objects of channels.
// Each of the two Workers has objects of its own.
import { readFileSync } from "node:fs";
import { Log, LogLevel, Miniflare, Response } from "miniflare";
import { COMPATIBILITY_DATE, DIRECT, SQL_WORKER, newestWorkerd, statusOf } from "../../tests/workerd/miniflare.mjs";

const here = (name) => readFileSync(new URL(`../workers/${name}.mjs`, import.meta.url), "utf8");
const TICK_MILLISECONDS = 10;

/** Returns the options of a Worker in this folder that needs no bundling. */
export const plain = (name) => ({ modules: true, script: here(name) });

/** Instances start one after the other, because a start finds its workerd as the newest process. */
let starting = Promise.resolve();
const started = (options) => {
  const next = starting.then(async () => {
    const miniflare = new Miniflare(options);
    await miniflare.ready;
    return { miniflare, pid: newestWorkerd() };
  });
  starting = next.catch(() => {});
  return next;
};

/** The class of the objects, as the counting class of the binding finds it. */
const COUNTED_OBJECTS = "objects-counting";

/**
 * Starts `workers`, the options of Miniflare's Workers by name. `twin` among the options replaces
 * some for the counted Worker. Returns `urlOf(name)`; `countedUrlOf(name)`; `counted(work)`, which
 * returns the round trips and rows of D1 and the calls, statements and rows of objects during the work;
 * `sql(statements)`; `cpu()` in milliseconds; and `stop()`.
 */
export const startInstance = async (workers, { database = true } = {}) => {
  const answers = [];
  const ofDatabase = { roundTrips: 0, statements: 0, rowsRead: 0, rowsWritten: 0 };
  const totals = { ...ofDatabase, objectCalls: 0, objectStatements: 0, objectRowsRead: 0, objectRowsWritten: 0 };
  const control = async (request) => {
    const { answers: answered, ...cost } = await request.json();
    if (answered) answers.push(...answered);
    for (const [name, count] of Object.entries(cost)) totals[name] += count;
    return new Response();
  };
  const problems = [];
  class Quiet extends Log {
    log() {}
  }
  const shared = { compatibilityDate: COMPATIBILITY_DATE, unsafeDirectSockets: DIRECT };
  const d1 = (binding) => ({ d1Databases: { [binding]: "bench" } });
  const timed = ([name, { twin: _, ...options }]) => ({ ...shared, ...options, name, ...(database ? d1("DB") : {}) });
  const withObjects = Object.entries(workers).find(([, { durableObjects }]) => durableObjects);
  const twin = ([name, { twin: changed, ...options }]) => ({
    ...shared,
    ...options,
    ...changed,
    name: `${name}-counted`,
    wrappedBindings: { DB: { scriptName: "d1-counting" }, ...(options.durableObjects ? { CHANNELS: { scriptName: COUNTED_OBJECTS } } : {}) },
  });
  const objects = ([name, { durableObjects }]) => ({
    ...plain(COUNTED_OBJECTS),
    name: COUNTED_OBJECTS,
    durableObjects: { REAL: { ...durableObjects.CHANNELS, scriptName: `${name}-counted` } },
    serviceBindings: { CONTROL: control },
  });
  const helpers = [
    ...(withObjects ? [objects(withObjects)] : []),
    // A Worker that replaces a binding has no address.
    { ...plain("d1-counting"), name: "d1-counting", ...d1("REAL"), serviceBindings: { CONTROL: control } },
    { ...shared, name: "sql", modules: true, script: SQL_WORKER, ...d1("REAL") },
  ];
  const { miniflare, pid } = await started({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new Quiet(LogLevel.NONE),
    // The logs of the Workers are read and discarded. workerd's own messages are kept for errors.
    handleRuntimeStdio: (stdout, stderr) => {
      stdout.resume();
      stderr.on("data", (chunk) => problems.length < 20 && problems.push(String(chunk)));
    },
    workers: [...Object.entries(workers).map(timed), ...(database ? [...Object.entries(workers).map(twin), ...helpers] : [])],
  });
  const urlOf = async (name) => (await miniflare.unsafeGetDirectURL(name)).origin;

  return {
    urlOf,
    countedUrlOf: (name) => urlOf(`${name}-counted`),
    problems,
    /** Returns D1's answers, `{sql, params, rows}`, since the counting began. */
    answers,
    counted: async (work) => {
      for (const name of Object.keys(totals)) totals[name] = 0;
      answers.length = 0;
      await work();
      return { ...totals };
    },
    sql: async (statements) => {
      const answer = await fetch(await urlOf("sql"), { method: "POST", body: JSON.stringify(statements) });
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    },
    /** Includes the whole process: the Worker, D1, and the connection between them. */
    cpu: () => statusOf(pid).fields.slice(11, 13).reduce((total, ticks) => total + Number(ticks) * TICK_MILLISECONDS, 0),
    stop: () => miniflare.dispose(),
  };
};
