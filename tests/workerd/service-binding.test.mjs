// Two Workers: the API, and a web app that calls it through the TypeScript client and a service
// binding.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { build } from "esbuild";
import { COMPATIBILITY_DATE, startApi } from "./miniflare.mjs";

const KEY = randomBytes(32).toString("base64url");
const ADA = {
  email: "ada@example.com",
  name: "Ada",
  auth_method: "google",
  provider: "google",
  provider_id: "1",
  platform: "web",
};
const SITE = "http://localhost:5173";
const DAY = 86_400_000;

let api;
let workers;

/** Bundles a TypeScript file with its imports and returns the module's text. */
const bundle = async (path) => {
  const entryPoints = [new URL(path, import.meta.url).pathname];
  return (
    await build({ entryPoints, bundle: true, format: "esm", platform: "neutral", write: false })
  ).outputFiles[0].text;
};

before(async () => {
  const script = await bundle("web-app.ts");
  const worker = (name, bindings) => ({
    name,
    modules: true,
    script,
    compatibilityDate: COMPATIBILITY_DATE,
    serviceBindings: { API: "hamrah-api" },
    bindings,
  });
  const others = [
    worker("web-app", { INTERNAL_API_KEY: KEY }),
    worker("wrong-key", { INTERNAL_API_KEY: randomBytes(32).toString("base64url") }),
    worker("no-key", {}),
  ];
  api = await startApi({ vars: { INTERNAL_API_KEY: KEY }, workers: others });
  const named = await Promise.all(others.map(async ({ name }) => [name, await api.direct(name)]));
  workers = Object.fromEntries(named);
});
after(() => api?.stop());
beforeEach(() => api.reset());

/** Sends a request to a web app as a browser does, with Origin and Sec-Fetch-Site. */
const visit = async (method, path, { body, headers = {}, app = "web-app" } = {}) => {
  const response = await fetch(`${workers[app]}${path}`, {
    method,
    headers: {
      Origin: SITE,
      "Sec-Fetch-Site": "same-origin",
      "User-Agent": "Mozilla/5.0",
      ...headers,
    },
    body: typeof body === "object" ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text && JSON.parse(text),
    cookies: response.headers.getSetCookie(),
  };
};

const ok = async (...visited) => {
  const { status, body, cookies } = await visit(...visited);
  assert.equal(status, 200, JSON.stringify(body));
  return { body, cookies };
};

const refused = async (status, code, ...visited) => {
  const answer = await visit(...visited);
  assert.deepEqual([answer.status, answer.body.code], [status, code]);
  return answer.body;
};

/**
 * Signs in at the web app and returns the user, and the headers for the browser's next requests.
 */
const signIn = async () => {
  const { body, cookies } = await ok("POST", "/sign-in", { body: ADA });
  const cookie = cookies[0].split(";")[0];
  assert.match(cookie, /^session=hms_[\w-]{43}$/);
  return { user: body.user, headers: { Cookie: `theme=dark; ${cookie}` } };
};

const count = async (table) => (await api.sql(`SELECT COUNT(*) AS n FROM ${table}`))[0].n;

test("a visitor signs in, comes back with the cookie, and signs out", async () => {
  const { user, headers } = await signIn();
  assert.deepEqual(
    [user.email, user.email_verified, user.providerId, user.last_login_platform],
    [ADA.email, true, "1", "web"],
  );

  const session = (await ok("GET", "/session", { headers })).body;
  assert.deepEqual([session.user.id, session.renewed], [user.id, false]);
  const { body, cookies } = await ok("GET", "/visitor-session", { headers });
  assert.deepEqual([body.user.id, body.expires_at, cookies], [user.id, session.expires_at, []]);
  assert.equal((await ok("GET", "/me", { headers })).body.id, user.id);
  assert.equal((await ok("PUT", "/me", { headers, body: { name: "Ada L." } })).body.name, "Ada L.");
  assert.equal((await ok("POST", "/by-email", { body: "ADA@example.com" })).body.user.id, user.id);
  assert.equal((await ok("POST", "/by-email", { body: "bob@example.com" })).body.user, null);
  const [{ user_agent }] = await api.sql("SELECT user_agent FROM sessions");
  assert.equal(user_agent, "Mozilla/5.0", "the visitor's user agent, which the web app passed on");

  const out = await ok("POST", "/sign-out", { headers });
  assert.deepEqual(out.cookies, ["session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]);
  await refused(401, "invalid_token", "GET", "/session", { headers });
  await refused(401, "invalid_token", "GET", "/visitor-session", { headers });
  await refused(401, "authentication_required", "GET", "/me");
});

test("a pair is made, renewed, listed and revoked", async () => {
  const { user, headers } = await signIn();
  const first = (await ok("POST", "/pair", { body: { ...ADA, platform: "ios" } })).body;
  assert.deepEqual([first.user.id, first.expires_in], [user.id, 3600]);
  const bearer = { Authorization: `Bearer ${first.access_token}` };
  assert.equal((await ok("GET", "/visitor", { headers: bearer })).body.user.id, user.id);

  const second = (await ok("POST", "/refresh", { body: { refresh_token: first.refresh_token } }))
    .body;
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.notEqual(second.access_token, first.access_token);
  assert.equal(
    (await ok("GET", "/visitor", { headers: { Authorization: `Bearer ${second.access_token}` } }))
      .body.user.id,
    user.id,
  );
  await refused(401, "invalid_refresh_token", "POST", "/refresh", {
    body: { refresh_token: "hmr_nonsense" },
  });

  const tokens = (await ok("GET", "/tokens", { headers })).body;
  assert.deepEqual(
    tokens.map(({ platform, current }) => [platform, current]),
    [["ios", false]],
  );
  await ok("DELETE", `/token/${tokens[0].id}`, { headers });
  await refused(401, "invalid_token", "GET", "/visitor", { headers: bearer });
  await refused(401, "invalid_refresh_token", "POST", "/refresh", {
    body: { refresh_token: second.refresh_token },
  });
  await refused(404, "token_not_found", "DELETE", "/token/b6c1d0ce-6a37-4a6c-9a0c-6a0a2f5d3d11", {
    headers,
  });

  for (let made = 0; made < 2; made += 1) await ok("POST", "/pair", { body: ADA });
  assert.deepEqual((await ok("DELETE", `/tokens/${user.id}`, { headers })).body, { revoked: 2 });
  assert.deepEqual((await ok("GET", "/tokens", { headers })).body, []);
});

test("deleting an account removes its cookie", async () => {
  const { headers } = await signIn();
  const { cookies } = await ok("DELETE", "/me", { headers });
  assert.deepEqual(cookies, ["session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]);
  await refused(401, "invalid_token", "GET", "/me", { headers });
  assert.deepEqual([await count("users"), await count("sessions")], [0, 0]);
});

test("the cookie of an extended session reaches the visitor", async () => {
  const { headers } = await signIn();
  await api.sql("UPDATE sessions SET token_expires_at = ?1, expires_at = ?1", [
    Date.now() + 14 * DAY,
  ]);
  const { cookies } = await ok("GET", "/me", { headers });
  assert.equal(cookies.length, 1);
  assert.ok(
    cookies[0].startsWith(`${headers.Cookie.split("; ")[1]}; Path=/; Max-Age=`),
    "the same token",
  );
  assert.ok(Number(/Max-Age=(\d+)/.exec(cookies[0])[1]) > 29 * 86_400);

  await api.sql("UPDATE sessions SET token_expires_at = ?1, expires_at = ?1", [
    Date.now() + 14 * DAY,
  ]);
  assert.equal(
    (await ok("GET", "/session", { headers })).body.renewed,
    true,
    "an internal answer says that the session was extended, and sets no cookie",
  );
});

test("internal endpoints refuse Workers without the key, or with a wrong key", async () => {
  const { headers } = await signIn();
  for (const app of ["no-key", "wrong-key"]) {
    const error = await refused(401, "internal_key_required", "POST", "/sign-in", {
      app,
      body: { ...ADA, provider_id: "2" },
    });
    assert.match(error.requestId, /^[\w-]{8,}$/);
    await refused(401, "internal_key_required", "POST", "/pair", { app, body: ADA });
    await refused(401, "internal_key_required", "GET", "/session", { app, headers });
    await refused(401, "internal_key_required", "POST", "/by-email", { app, body: ADA.email });
    assert.equal(
      (await ok("GET", "/me", { app, headers })).body.email,
      ADA.email,
      "a visitor's credential needs no key",
    );
  }
  assert.equal(await count("users"), 1);
});

test("internal endpoints need the service's name and key, and refuse every browser", async () => {
  const gate = { "X-Internal-Service": "hamrah-app", "X-Internal-Key": KEY };
  const raw = (headers) => ["POST", "/raw", { body: { headers, body: ADA } }];
  for (const [code, headers] of [
    ["internal_key_required", {}],
    ["internal_key_required", { "X-Internal-Key": KEY }],
    ["internal_key_required", { "X-Internal-Service": "hamrah-app" }],
    ["internal_key_required", { ...gate, "X-Internal-Service": "somebody" }],
    ["internal_key_required", { ...gate, "X-Internal-Key": KEY.slice(1) }],
    ["internal_key_required", { ...gate, "X-Internal-Key": "" }],
    ["browser_request", { ...gate, Origin: "https://hamrah.app" }],
    ["browser_request", { ...gate, Origin: "null" }],
    ["browser_request", { ...gate, "Sec-Fetch-Site": "same-origin" }],
    ["browser_request", { ...gate, "Sec-Fetch-Site": "none" }],
  ]) {
    await refused(code === "browser_request" ? 403 : 401, code, ...raw(headers));
  }
  assert.equal(await count("users"), 0);
  // The same request is accepted with the two headers alone, so the headers above caused the
  // refusals.
  await ok(...raw(gate));
  assert.equal(await count("users"), 1);
});

test("the client repeats a request whose answer was lost, without a second effect", async () => {
  const lost = (at) => api.plan([{ at, mode: "after", message: "Network connection lost" }]);
  lost(0);
  const { user, headers } = await signIn();
  assert.equal(api.stats.batches, 3, "the account, the account again, the session");
  assert.deepEqual([await count("users"), await count("sessions")], [1, 1]);

  const { refresh_token } = (await ok("POST", "/pair", { body: ADA })).body;
  const before = api.stats.batches;
  lost(0);
  const { access_token } = (await ok("POST", "/refresh", { body: { refresh_token } })).body;
  assert.equal(api.stats.batches - before, 2);
  assert.equal(await count("refresh_tokens"), 2, "one successor");
  assert.equal(
    (await ok("GET", "/visitor", { headers: { Authorization: `Bearer ${access_token}` } })).body
      .user.id,
    user.id,
  );

  // The first batch finds the caller, the second deletes the account. So the repeat finds no
  // caller.
  lost(1);
  await refused(401, "invalid_token", "DELETE", "/me", { headers });
  assert.equal(await count("users"), 0);
});

test("if the answer with a session was lost, the client creates another and the first stays unused", async () => {
  api.plan([{ at: 1, mode: "after", message: "Network connection lost" }]);
  const { headers } = await signIn();
  assert.deepEqual([await count("users"), await count("sessions")], [1, 2]);
  await ok("GET", "/session", { headers });
});

test("a database that fails twice gives 503", async () => {
  api.plan([0, 1, 2].map((at) => ({ at, mode: "before", message: "Network connection lost" })));
  const error = await refused(503, "service_unavailable", "POST", "/sign-in", { body: ADA });
  assert.equal(error.retryAfter, 1);
  assert.equal(api.stats.batches, 2);
});

test("a backend in Node calls the same endpoints over the URL", async () => {
  const client = await bundle("../../clients/typescript/src/index.ts");
  const { HamrahApi, HamrahApiError } = await import(
    `data:text/javascript,${encodeURIComponent(client)}`
  );
  const direct = new HamrahApi({ api: api.url, internalKey: KEY });
  const user = await direct.createUser(ADA);
  const { session_token, refresh_token } = await direct.createSession({
    user_id: user.id,
    platform: "web",
  });
  assert.equal(refresh_token, null);
  for (const visitor of [
    { cookie: `theme=dark; session=${session_token}` },
    { bearer: session_token },
  ]) {
    assert.equal((await direct.me(visitor)).id, user.id);
    assert.equal((await direct.updateMe(visitor, { name: null })).name, null);
  }
  const error = await direct
    .createSession({ user_id: "b6c1d0ce-6a37-4a6c-9a0c-6a0a2f5d3d11", platform: "web" })
    .catch((error) => error);
  assert.ok(error instanceof HamrahApiError);
  assert.deepEqual([error.status, error.code], [404, "user_not_found"]);
  assert.equal(
    (
      await new HamrahApi({ api: "http://127.0.0.1:1" })
        .me({ cookie: null })
        .catch((error) => error)
    ).code,
    "network",
  );
});
