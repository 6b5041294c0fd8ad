// Cloudflare's rate-limiting binding: present, missing, failing, and not answering.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startApi } from "./miniflare.mjs";

const PRODUCTION = {
  ENVIRONMENT: "production",
  ALLOWED_ORIGINS: "https://hamrah.app",
  RP_ID: "hamrah.app",
  JWT_ISSUER: "https://api.hamrah.app",
  JWT_AUDIENCE: "hamrah",
};
const LIMITS = { RATE_LIMITS: "on", RATE_LIMIT_SIGN_IN: "3", RATE_LIMIT_PUBLIC: "1000" };

/** Runs `check` with an API that has these options. */
const withApi = async (options, check) => {
  const api = await startApi(options);
  try {
    await check(api);
  } finally {
    await api.stop();
  }
};

const begin = (api, address) =>
  fetch(`${api.url}/api/webauthn/authenticate/begin`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(address && { "cf-connecting-ip": address }),
    },
    body: "{}",
  });

/** Makes `calls` calls and returns how many were accepted. Checks the form of every refusal. */
const letThrough = async (api, address, calls) => {
  let passed = 0;
  for (let call = 0; call < calls; call += 1) {
    const answer = await begin(api, address);
    if (answer.status === 200) {
      passed += 1;
      continue;
    }
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get("retry-after"), "60");
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.equal((await answer.json()).code, "rate_limited");
  }
  return passed;
};

/** Waits until the log has a line that matches. Lines arrive later than the answer. */
const logged = async (api, pattern) => {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (pattern.test(api.logs.join("\n"))) return;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  assert.match(api.logs.join("\n"), pattern);
};

test("in production the binding limits each address", () =>
  withApi({ vars: { ...PRODUCTION, ...LIMITS } }, async (api) => {
    // The count starts again with every minute, which can happen between two calls.
    const passed = await letThrough(api, "203.0.113.1", 10);
    assert.ok(passed >= 3 && passed <= 6, `${passed} were let through`);
    assert.equal(await letThrough(api, "203.0.113.2", 3), 3);
  }));

test("in production the Worker does not start without the bindings, and the log names the missing one", () =>
  withApi({ vars: PRODUCTION, limiters: false }, async (api) => {
    assert.equal((await begin(api, "203.0.113.1")).status, 503);
    await logged(api, /the Worker cannot start/);
    await logged(api, /the rate-limiting binding SIGN_IN_RATE_LIMITER is missing/);
  }));

test("in production the bindings may be missing if RATE_LIMITS is off, which the log reports", () =>
  withApi({ vars: { ...PRODUCTION, RATE_LIMITS: "off" }, limiters: false }, async (api) => {
    assert.equal(await letThrough(api, "203.0.113.1", 10), 10);
    await logged(api, /RATE_LIMITS is off/);
  }));

test("in development addresses are limited only with RATE_LIMITS=on", async () => {
  const { RATE_LIMITS, ...quotas } = LIMITS;
  await withApi({ vars: quotas }, async (api) =>
    assert.equal(await letThrough(api, "203.0.113.1", 10), 10),
  );
  await withApi({ vars: LIMITS }, async (api) =>
    assert.ok((await letThrough(api, "203.0.113.1", 10)) <= 6),
  );
});

// The Worker checks the class name of its binding.
const limiter = (body) =>
  `class Ratelimit { async limit() { ${body} } }; export default () => new Ratelimit();`;
const FAULTS = {
  fails: ['throw new Error("out of order");', /out of order/],
  "does not answer": [
    "await new Promise((resume) => setTimeout(resume, 20_000));",
    /no answer in time/,
  ],
  "gives nonsense": ["return 7;", /not counted by address/],
};

for (const [what, [body, told]] of Object.entries(FAULTS)) {
  test(`a limiter that ${what} refuses no request`, () => {
    const scriptName = "limiter";
    const names = ["SIGN_IN", "PUBLIC", "REFUSED_TOKENS"];
    const wrapped = Object.fromEntries(
      names.map((name) => [`${name}_RATE_LIMITER`, { scriptName }]),
    );
    return withApi(
      {
        vars: PRODUCTION,
        wrapped,
        limiters: false,
        workers: [{ name: scriptName, modules: true, script: limiter(body) }],
      },
      async (api) => {
        assert.equal(await letThrough(api, "203.0.113.1", 2), 2);
        await logged(api, told);
      },
    );
  });
}
