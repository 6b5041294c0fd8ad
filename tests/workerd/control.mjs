// Lends running APIs to the Rust suite: one to a case, emptied before it goes to the next.
//
// JSON over HTTP on loopback: POST /<operation> with `{id, …}`.
import { createServer } from "node:http";
import { startApi } from "./miniflare.mjs";

const KEPT = 6;
const lent = new Map();
const idle = new Map();
let next = 1;

const operations = {
  /** Gives `{id, url, settings}` of an API with these settings and an empty database. */
  acquire: async ({ vars }) => {
    const key = JSON.stringify(vars);
    const api = idle.get(key)?.pop() ?? { key, ...(await startApi({ vars, assets: true })) };
    const id = next;
    next += 1;
    lent.set(id, api);
    return { id, url: api.url, settings: api.settings };
  },
  release: async ({ id }) => {
    const api = lent.get(id);
    lent.delete(id);
    const waiting = [...idle.values()].reduce((total, apis) => total + apis.length, 0);
    if (waiting >= KEPT) {
      await api.stop();
      return {};
    }
    await api.reset();
    idle.set(api.key, [...(idle.get(api.key) ?? []), api]);
    return {};
  },
  sql: async ({ id, text, params }) => lent.get(id).sql(text, params),
  plan: async ({ id, steps }) => lent.get(id).plan(steps) ?? {},
  stats: async ({ id }) => lent.get(id).stats,
  cpu: async ({ id }) => ({ milliseconds: lent.get(id).cpu() }),
  logs: async ({ id }) => lent.get(id).logs,
  cron: async ({ id }) => lent.get(id).cron(),
};

/** Starts lending; gives the address and how to stop. */
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
    for (const api of [...lent.values(), ...[...idle.values()].flat()]) await api.stop();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
};
