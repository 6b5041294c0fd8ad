// Backends that use the TypeScript client with the Worker: a server that calls its URL, and a
// Worker with a service binding to it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { administrator } from "../native/backends.mjs";
import { sequence } from "../native/sequence.mjs";
import { COMPATIBILITY_DATE, startApi } from "./miniflare.mjs";

sequence(async () => {
  const api = await startApi();
  return { url: api.url, secret: api.settings.BOOTSTRAP_SECRET, stop: api.stop };
});

let api;
let stock;
before(async () => {
  const entryPoints = [new URL("stock.ts", import.meta.url).pathname];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
  });
  const worker = {
    name: "stock",
    modules: true,
    script: outputFiles[0].text,
    compatibilityDate: COMPATIBILITY_DATE,
    serviceBindings: { API: "hamrah-api" },
    bindings: { SERVICE: "Stock 1" },
  };
  api = await startApi({ workers: [worker] });
  stock = await api.direct("stock");
});
after(() => api?.stop());

test("a backend in a Worker caches per isolate, and always checks writes", async () => {
  const admin = await administrator(api.url, api.settings.BOOTSTRAP_SECRET);
  const place = await admin.place();
  const [user, other] = [await place.member(), await place.member()];
  const visit = async (method, { token }, path = "/items/1") => {
    const answer = await fetch(`${stock}${path}`, { method, headers: { token } });
    return { status: answer.status, ...(await answer.json()) };
  };
  // A visitor's request must not wait for a check that another visitor's request began. The runtime
  // cancels that check with its request.
  const before = api.stats.batches;
  api.plan([{ at: 0, mode: "held" }]);
  const held = visit("GET", user);
  while (api.stats.batches === before) await new Promise((resume) => setTimeout(resume, 5));
  assert.equal((await visit("GET", user)).status, 200);
  api.plan([]);
  assert.equal((await held).status, 200);
  assert.deepEqual(await visit("GET", user), {
    status: 200,
    items: [],
    by: user.username,
    cached: true,
  });
  assert.equal((await visit("PUT", user)).cached, false);
  await visit("GET", other);
  for (const { token } of [user, other]) await admin.logout(token);
  assert.equal((await visit("GET", user)).cached, true, "within a minute");
  assert.deepEqual(await visit("PUT", user), { status: 401, error: "invalid_token" });
  assert.deepEqual(await visit("GET", user), { status: 401, error: "invalid_token" });
  assert.equal((await visit("POST", other, "/logout")).status, 401, "already logged out");
  assert.deepEqual(await visit("GET", other), { status: 401, error: "invalid_token" });
});
