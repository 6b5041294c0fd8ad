// The native server's rate limiter over HTTP, and which address it treats as the client's.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { folder, run, serve } from "./server.mjs";

const made = folder();
const LIMITS = { RATE_LIMITS: "on", RATE_LIMIT_SIGN_IN: "3", RATE_LIMIT_PUBLIC: "1000" };
let open;
let proxied;
before(async () => {
  open = await serve({ cwd: made.path, vars: { ...LIMITS, DATABASE_URL: "sqlite:open.db" } });
  proxied = await serve({
    cwd: made.path,
    vars: {
      ...LIMITS,
      DATABASE_URL: "sqlite:proxied.db",
      TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8",
    },
  });
});
after(async () => {
  await open?.stop();
  await proxied?.stop();
  made.remove();
});

const begin = (server, forwarded) =>
  fetch(`${server.url}/api/webauthn/authenticate/begin`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(forwarded && { "x-forwarded-for": forwarded }),
    },
    body: "{}",
  });

/** Makes eight calls and returns how many were accepted. One more is accepted every 20 seconds. */
const letThrough = async (server, forwarded) => {
  let passed = 0;
  for (let call = 0; call < 8; call += 1) {
    const answer = await begin(
      server,
      typeof forwarded === "function" ? forwarded(call) : forwarded,
    );
    if (answer.status === 200) {
      passed += 1;
      continue;
    }
    assert.equal(answer.status, 429);
    const wait = Number(answer.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= 20, `Retry-After: ${wait}`);
    assert.equal((await answer.json()).code, "rate_limited");
  }
  return passed;
};

test("without trusted proxies the peer is the client, and X-Forwarded-For is ignored", async () => {
  const passed = await letThrough(open, (call) => `198.51.100.${call}`);
  assert.ok(passed === 3 || passed === 4, `${passed} were let through`);
  assert.equal(
    (await fetch(`${open.url}/api/users/me`)).status,
    401,
    "other routes are not limited",
  );
  assert.equal((await fetch(`${open.url}/health`)).status, 200);
});

test("behind a trusted proxy the last untrusted address is the client", async () => {
  const client = "2001:db8:0:1";
  const passed = await letThrough(
    proxied,
    (call) => `198.51.100.${call}, ${client}::${call}, 10.0.0.1`,
  );
  assert.ok(passed === 3 || passed === 4, `${passed} were let through`);
  assert.equal((await begin(proxied, "2001:db8:0:2::1")).status, 200, "another network");
  assert.equal((await begin(proxied)).status, 200, "the proxy itself");
});

test("in development addresses are limited only with RATE_LIMITS=on", async () => {
  const { RATE_LIMITS, ...quotas } = LIMITS;
  const server = await serve({
    cwd: made.path,
    vars: { ...quotas, DATABASE_URL: "sqlite:off.db" },
  });
  try {
    assert.equal(await letThrough(server), 8);
  } finally {
    await server.stop();
  }
});

test("in production on a loopback address, the log warns if no proxy is trusted", async () => {
  const production = {
    ENVIRONMENT: "production",
    ALLOWED_ORIGINS: "https://hamrah.app",
    RP_ID: "hamrah.app",
    JWT_ISSUER: "https://api.hamrah.app",
    JWT_AUDIENCE: "hamrah",
    DATABASE_URL: "sqlite:production.db",
  };
  for (const [proxies, told] of [
    ["", true],
    ["127.0.0.1", false],
  ]) {
    const server = await serve({
      cwd: made.path,
      vars: { ...production, TRUSTED_PROXIES: proxies, ...(told && { RATE_LIMITS: "off" }) },
    });
    await server.stop();
    assert.equal(/TRUSTED_PROXIES is not set/.test(server.output()), told, proxies);
    assert.equal(/RATE_LIMITS is off/.test(server.output()), told);
    assert.match(server.output(), /SECRETS_KEY is not set/);
  }
});

test("doctor names every invalid setting and fails", async () => {
  const wrong = {
    RATE_LIMITS: "no",
    RATE_LIMIT_SIGN_IN: "0",
    RATE_LIMIT_PUBLIC: "many",
    TRUSTED_PROXIES: "0.0.0.0/0",
  };
  const { code, output } = await run(["doctor"], { cwd: made.path, vars: wrong });
  assert.notEqual(code, 0);
  for (const name of Object.keys(wrong)) assert.match(output, new RegExp(`WRONG +${name} `));
});
