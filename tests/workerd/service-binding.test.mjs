// Two Workers: a web app that knows the API only through the TypeScript client and a service binding.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { build } from "esbuild";
import { COMPATIBILITY_DATE, startApi } from "./miniflare.mjs";

const KEY = randomBytes(32).toString("base64url");
const ADA = { email: "ada@example.com", name: "Ada", auth_method: "google", provider: "google", provider_id: "1", platform: "web" };
const SITE = "http://localhost:5173";
const DAY = 86_400_000;

let api;
let workers;

/** A TypeScript file and what it imports, as one module's text. */
const bundle = async (path) => {
  const entryPoints = [new URL(path, import.meta.url).pathname];
  return (await build({ entryPoints, bundle: true, format: "esm", platform: "neutral", write: false })).outputFiles[0].text;
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

/** A visitor's browser asks a web app, as browsers do: with Origin and Sec-Fetch-Site. */
const visit = async (method, path, { body, headers = {}, app = "web-app" } = {}) => {
  const response = await fetch(`${workers[app]}${path}`, {
    method,
    headers: { Origin: SITE, "Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0", ...headers },
    body: typeof body === "object" ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text), cookies: response.headers.getSetCookie() };
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

/** Signs in on the web; gives the headers with which the browser comes back. */
const signIn = async () => {
  const { body, cookies } = await ok("POST", "/sign-in", { body: ADA });
  const cookie = cookies[0].split(";")[0];
  assert.match(cookie, /^session=hms_[\w-]{43}$/);
  return { user: body.user, headers: { Cookie: `theme=dark; ${cookie}` } };
};

const count = async (table) => (await api.sql(`SELECT COUNT(*) AS n FROM ${table}`))[0].n;

test("a visitor signs in, comes back with the cookie, and signs out", async () => {
  const { user, headers } = await signIn();
  assert.deepEqual([user.email, user.email_verified, user.providerId, user.last_login_platform], [ADA.email, true, "1", "web"]);

  const session = (await ok("GET", "/session", { headers })).body;
  assert.deepEqual([session.user.id, session.renewed], [user.id, false]);
  const { body, cookies } = await ok("GET", "/visitor-session", { headers });
  assert.deepEqual([body.user.id, body.expires_at, cookies], [user.id, session.expires_at, []]);
  assert.equal((await ok("GET", "/me", { headers })).body.id, user.id);
  assert.equal((await ok("PUT", "/me", { headers, body: { name: "Ada L." } })).body.name, "Ada L.");
  assert.equal((await ok("POST", "/by-email", { body: "ADA@example.com" })).body.user.id, user.id);
  assert.equal((await ok("POST", "/by-email", { body: "bob@example.com" })).body.user, null);
  const [{ user_agent }] = await api.sql("SELECT user_agent FROM sessions");
  assert.equal(user_agent, "Mozilla/5.0", "the visitor's, as the web app told it");

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

  const second = (await ok("POST", "/refresh", { body: { refresh_token: first.refresh_token } })).body;
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.notEqual(second.access_token, first.access_token);
  assert.equal((await ok("GET", "/visitor", { headers: { Authorization: `Bearer ${second.access_token}` } })).body.user.id, user.id);
  await refused(401, "invalid_refresh_token", "POST", "/refresh", { body: { refresh_token: "hmr_nonsense" } });

  const tokens = (await ok("GET", "/tokens", { headers })).body;
  assert.deepEqual(tokens.map(({ platform, current }) => [platform, current]), [["ios", false]]);
  await ok("DELETE", `/token/${tokens[0].id}`, { headers });
  await refused(401, "invalid_token", "GET", "/visitor", { headers: bearer });
  await refused(401, "invalid_refresh_token", "POST", "/refresh", { body: { refresh_token: second.refresh_token } });
  await refused(404, "token_not_found", "DELETE", "/token/b6c1d0ce-6a37-4a6c-9a0c-6a0a2f5d3d11", { headers });

  for (let made = 0; made < 2; made += 1) await ok("POST", "/pair", { body: ADA });
  assert.deepEqual((await ok("DELETE", `/tokens/${user.id}`, { headers })).body, { revoked: 2 });
  assert.deepEqual((await ok("GET", "/tokens", { headers })).body, []);
});

test("a deleted account is gone, with its cookie", async () => {
  const { headers } = await signIn();
  const { cookies } = await ok("DELETE", "/me", { headers });
  assert.deepEqual(cookies, ["session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]);
  await refused(401, "invalid_token", "GET", "/me", { headers });
  assert.deepEqual([await count("users"), await count("sessions")], [0, 0]);
});

test("an extended session's cookie gets back to the visitor", async () => {
  const { headers } = await signIn();
  await api.sql("UPDATE sessions SET token_expires_at = ?1, expires_at = ?1", [Date.now() + 14 * DAY]);
  const { cookies } = await ok("GET", "/me", { headers });
  assert.equal(cookies.length, 1);
  assert.ok(cookies[0].startsWith(`${headers.Cookie.split("; ")[1]}; Path=/; Max-Age=`), "the same token");
  assert.ok(Number(/Max-Age=(\d+)/.exec(cookies[0])[1]) > 29 * 86_400);

  await api.sql("UPDATE sessions SET token_expires_at = ?1, expires_at = ?1", [Date.now() + 14 * DAY]);
  assert.equal((await ok("GET", "/session", { headers })).body.renewed, true, "internally it is told, not set");
});

test("internal endpoints refuse other Workers without the key, or with another", async () => {
  const { headers } = await signIn();
  for (const app of ["no-key", "wrong-key"]) {
    const error = await refused(401, "internal_key_required", "POST", "/sign-in", { app, body: { ...ADA, provider_id: "2" } });
    assert.match(error.requestId, /^[\w-]{8,}$/);
    await refused(401, "internal_key_required", "POST", "/pair", { app, body: ADA });
    await refused(401, "internal_key_required", "GET", "/session", { app, headers });
    await refused(401, "internal_key_required", "POST", "/by-email", { app, body: ADA.email });
    assert.equal((await ok("GET", "/me", { app, headers })).body.email, ADA.email, "a visitor's credential needs no key");
  }
  assert.equal(await count("users"), 1);
});

test("the gate opens for name and key together, and never for a browser", async () => {
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
  // The same request with nothing but the two headers: so it was the gate that refused.
  await ok(...raw(gate));
  assert.equal(await count("users"), 1);
});

test("a lost answer is asked for again, without a second effect", async () => {
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
  assert.equal((await ok("GET", "/visitor", { headers: { Authorization: `Bearer ${access_token}` } })).body.user.id, user.id);

  // The first batch tells who asks, the second deletes: the repeat finds nobody to ask for.
  lost(1);
  await refused(401, "invalid_token", "DELETE", "/me", { headers });
  assert.equal(await count("users"), 0);
});

test("a session whose answer was lost is made again, and the first one never used", async () => {
  api.plan([{ at: 1, mode: "after", message: "Network connection lost" }]);
  const { headers } = await signIn();
  assert.deepEqual([await count("users"), await count("sessions")], [1, 2]);
  await ok("GET", "/session", { headers });
});

test("a database that stays away is a 503, once the repeat failed too", async () => {
  api.plan([0, 1, 2].map((at) => ({ at, mode: "before", message: "Network connection lost" })));
  const error = await refused(503, "service_unavailable", "POST", "/sign-in", { body: ADA });
  assert.equal(error.retryAfter, 1);
  assert.equal(api.stats.batches, 2);
});

test("a backend in Node asks the same over the URL", async () => {
  const client = await bundle("../../clients/typescript/src/index.ts");
  const { HamrahApi, HamrahApiError } = await import(`data:text/javascript,${encodeURIComponent(client)}`);
  const direct = new HamrahApi({ api: api.url, internalKey: KEY });
  const user = await direct.createUser(ADA);
  const { session_token, refresh_token } = await direct.createSession({ user_id: user.id, platform: "web" });
  assert.equal(refresh_token, null);
  for (const visitor of [{ cookie: `theme=dark; session=${session_token}` }, { bearer: session_token }]) {
    assert.equal((await direct.me(visitor)).id, user.id);
    assert.equal((await direct.updateMe(visitor, { name: null })).name, null);
  }
  const error = await direct.createSession({ user_id: "b6c1d0ce-6a37-4a6c-9a0c-6a0a2f5d3d11", platform: "web" }).catch((error) => error);
  assert.ok(error instanceof HamrahApiError);
  assert.deepEqual([error.status, error.code], [404, "user_not_found"]);
  assert.equal((await new HamrahApi({ api: "http://127.0.0.1:1" }).me({ cookie: null }).catch((error) => error)).code, "network");
});
