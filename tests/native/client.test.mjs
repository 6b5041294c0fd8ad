// A backend with the TypeScript client, and the native server.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { administrator, backend } from "./backends.mjs";
import { sequence } from "./sequence.mjs";
import { folder, serve } from "./server.mjs";

const SECRET = randomBytes(32).toString("base64url");
// Cheap hashes. Other tests cover the cost in production.
const VARS = {
  BOOTSTRAP_SECRET: SECRET,
  PASSWORD_HASH_MEMORY_KIB: "256",
  PASSWORD_HASH_PASSES: "1",
};

sequence(async () => {
  const made = folder();
  const server = await serve({ cwd: made.path, vars: VARS });
  const stop = async () => {
    await server.stop();
    made.remove();
  };
  return { url: server.url, secret: SECRET, stop };
});

test("a backend's cache works while the service restarts, and its checks are not rate-limited", async () => {
  const made = folder();
  let server = await serve({ cwd: made.path, vars: VARS });
  const port = Number(new URL(server.url).port);
  const place = await (await administrator(server.url, SECRET)).place();
  const user = await place.member();
  const stock = await backend(server.url, place.name);
  try {
    assert.equal((await stock.visit("GET", user.token)).status, 200);
    await server.stop();
    assert.equal((await stock.visit("PUT", user.token)).status, 503);
    assert.equal((await stock.visit("GET", user.token)).cached, true);
    // A backend sends the checks for all its users from one address, so the service does not limit
    // checks by address.
    server = await serve({
      cwd: made.path,
      port,
      vars: { ...VARS, RATE_LIMITS: "on", RATE_LIMIT_PUBLIC: "3", RATE_LIMIT_SIGN_IN: "3" },
    });
    for (let time = 0; time < 8; time += 1)
      assert.equal((await stock.visit("PUT", user.token)).status, 200);
  } finally {
    await stock.stop();
    await server.stop();
    made.remove();
  }
});
