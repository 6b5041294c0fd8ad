// A contestant's own Miniflare: one process of workerd over one local D1. Its Workers have
// addresses of their own, without a Worker of Miniflare in front. Each counted Worker runs twice:
// with D1 itself, and with the counting class in between.
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

/**
 * Starts `workers`, the options of Miniflare's Workers by name. Returns `urlOf(name)`;
 * `countedUrlOf(name)`; `counted(work)`, which returns D1's round trips and rows, and the calls to
 * objects, during the work;
 * `sql(statements)`; `cpu()` in milliseconds; and `stop()`.
 */
export const startInstance = async (workers, { database = true } = {}) => {
  const answers = [];
  const totals = { roundTrips: 0, statements: 0, rowsRead: 0, rowsWritten: 0, objectCalls: 0 };
  const control = async (request) => {
    const cost = await request.json();
    if (cost.objectCalls) {
      totals.objectCalls += cost.objectCalls;
      return new Response();
    }
    totals.roundTrips += 1;
    answers.push(...cost.answers);
    for (const name of ["statements", "rowsRead", "rowsWritten"]) totals[name] += cost[name];
    return new Response();
  };
  const problems = [];
  class Quiet extends Log {
    log() {}
  }
  const shared = { compatibilityDate: COMPATIBILITY_DATE, unsafeDirectSockets: DIRECT };
  const d1 = (binding) => ({ d1Databases: { [binding]: "bench" } });
  const timed = ([name, options]) => ({ ...shared, ...options, name, ...(database ? d1("DB") : {}) });
  // The objects of a Worker are those of its twin too.
  const objects = Object.entries(workers).flatMap(([scriptName, { durableObjects }]) =>
    Object.entries(durableObjects ?? {}).map(([binding, object]) => ({ binding, object: { ...object, scriptName } })),
  );
  const helperOf = ({ object: { scriptName } }) => `${scriptName}-objects-counting`;
  const twin = ([name, { durableObjects: _, ...options }]) => {
    const own = objects.filter(({ object: { scriptName } }) => scriptName === name);
    const counted = Object.fromEntries(own.map((each) => [each.binding, { scriptName: helperOf(each) }]));
    return { ...shared, ...options, name: `${name}-counted`, wrappedBindings: { DB: { scriptName: "d1-counting" }, ...counted } };
  };
  const helpers = [
    // A Worker that replaces a binding has no address.
    { ...plain("d1-counting"), name: "d1-counting", ...d1("REAL"), serviceBindings: { CONTROL: control } },
    ...objects.map((each) => ({
      ...plain("objects-counting"),
      name: helperOf(each),
      durableObjects: { REAL: each.object },
      serviceBindings: { CONTROL: control },
    })),
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
