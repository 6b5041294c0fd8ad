// The Worker's settings are bindings, and a binding need not be a string. A setting that cannot be
// read is an error, not a missing setting.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startApi } from "./miniflare.mjs";

const APPS = { APPLE_TEAM_ID: "UR6RM9YCF7", APPLE_BUNDLE_ID: "app.hamrah.ios" };

for (const value of [true, ["require"], { mode: "require" }, ""]) {
  test(`the Worker does not start with APP_ATTEST_MODE = ${JSON.stringify(value)}`, async (t) => {
    const api = await startApi({ vars: { ...APPS, APP_ATTEST_MODE: value } });
    t.after(api.stop);
    assert.equal((await fetch(`${api.url}/health`)).status, 503);
    assert.match(api.logs.join(""), /APP_ATTEST_MODE must be/);
  });
}

test("the log names every invalid setting", async (t) => {
  const api = await startApi({
    vars: {
      ...APPS,
      APP_ATTEST_MODE: true,
      APP_ATTEST_ON_REFRESH: { on: true },
      RP_NAME: "x".repeat(256),
    },
  });
  t.after(api.stop);
  assert.equal((await fetch(`${api.url}/health`)).status, 503);
  for (const name of ["APP_ATTEST_MODE", "APP_ATTEST_ON_REFRESH", "RP_NAME"])
    assert.match(api.logs.join(""), new RegExp(`${name} `));
});

test("a number is accepted as a setting", async (t) => {
  const api = await startApi({ vars: { ACCESS_TOKEN_TTL_SECONDS: 900 } });
  t.after(api.stop);
  const response = await fetch(`${api.url}/api/internal/tokens`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-internal-service": "hamrah-app",
      "x-internal-key": api.settings.INTERNAL_API_KEY,
    },
    body: JSON.stringify({
      provider: "google",
      provider_id: "1",
      email: "ada@example.com",
      platform: "web",
    }),
  });
  assert.equal((await response.json()).expires_in, 900);
});
