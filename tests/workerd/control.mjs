// Lends running APIs to the Rust suite. Each case gets one of its own, with an empty database.
//
// The suite calls it by JSON over HTTP on loopback: POST /<operation> with `{id, …}`.
import { createServer } from "node:http";
import { startApi } from "./miniflare.mjs";

/** How many idle APIs are kept. Each is a process of workerd. */
const KEPT = 6;
const lent = new Map();
/** The idle APIs, the one that was returned last at the end. */
const idle = [];
let next = 1;

const operations = {
  /** Returns `{id, url, settings}` of an API with these settings and an empty database. */
  acquire: async ({ vars }) => {
    const key = JSON.stringify(vars);
    const at = idle.findLastIndex((each) => each.key === key);
    const api =
      at >= 0 ? idle.splice(at, 1)[0] : { key, ...(await startApi({ vars, assets: true })) };
    const id = next;
    next += 1;
    lent.set(id, api);
    return { id, url: api.url, settings: api.settings };
  },
  release: async ({ id }) => {
    const api = lent.get(id);
    lent.delete(id);
    await api.reset();
    idle.push(api);
    // The settings that were asked for longest ago are the least likely to be asked for again.
    if (idle.length > KEPT) await idle.shift().stop();
    return {};
  },
  sql: async ({ id, text, params }) => lent.get(id).sql(text, params),
  run: async ({ id, texts, params }) => lent.get(id).run(texts, params),
  channel: async ({ id, object, asked }) => lent.get(id).channel(object, asked),
  plan: async ({ id, steps }) => lent.get(id).plan(steps) ?? {},
  plan_objects: async ({ id, steps }) => lent.get(id).planObjects(steps) ?? {},
  stats: async ({ id }) => lent.get(id).stats,
  files: async ({ id }) => ({ folder: lent.get(id).files }),
  cpu: async ({ id }) => ({ milliseconds: lent.get(id).cpu() }),
  logs: async ({ id }) => lent.get(id).logs,
  cron: async ({ id }) => lent.get(id).cron(),
};

/** Starts the server. Returns its `url` and `stop()`. */
export const startControl = async () => {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    try {
      const answer = await operations[request.url.slice(1)](JSON.parse(body));
      response.end(JSON.stringify(answer ?? {}));
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error?.stack ?? error));
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const stop = async () => {
    server.close();
    for (const api of [...lent.values(), ...idle]) await api.stop();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
};
