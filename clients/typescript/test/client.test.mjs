// The client against a fake API: what it sends, what it makes of the answers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import { inspect } from "node:util";
import { build } from "esbuild";

const here = (path) => new URL(path, import.meta.url);

// Node 20 cannot import TypeScript, so the client is bundled into one module.
const load = async () => {
  const entryPoints = [here("../src/index.ts").pathname];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
  );
};
const { HamrahApi, HamrahApiError } = await load();

const KEY = "k3y-that-nobody-may-read-0123456789";
const ID = "7f0f6a0e-6d0c-4e4e-9a55-0f4f7d0b5a11";
const USER = { id: ID, email: "ada@example.com" };
const PERSON = { email: "ada@example.com", provider: "google", provider_id: "1", platform: "web" };

const json = (body, init) => Response.json(body, init);
const problem = (status, code, headers = {}) => {
  const body = {
    type: "about:blank",
    title: "T",
    status,
    detail: `About ${code}.`,
    success: false,
    error: "E",
    code,
    request_id: "req-12345678",
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
};

/** A client of an API that gives these answers, one a request; the last one goes on. Keeps what was sent. */
const fake = (answers, options = {}) => {
  const sent = [];
  const api = {
    fetch: async (request) => {
      const body = await request.text();
      sent.push({
        request,
        method: request.method,
        path: new URL(request.url).pathname,
        headers: request.headers,
        body,
      });
      const answer = answers[Math.min(sent.length, answers.length) - 1];
      return typeof answer === "function" ? answer(request) : answer.clone();
    },
  };
  return { sent, client: new HamrahApi({ api, internalKey: KEY, ...options }) };
};

const failure = async (promise) => {
  const error = await promise.then(
    (value) => assert.fail(`it succeeded: ${inspect(value)}`),
    (error) => error,
  );
  assert.ok(error instanceof HamrahApiError, inspect(error));
  return error;
};

const account = { user_id: ID, platform: "web" };
const cookie = { cookie: "a=b; session=hms_secret" };
const bearer = { bearer: "hms_secret" };
// [name, arguments, method, path, body sent, answer, result]
const INTERNAL = [
  [
    "createUser",
    [PERSON],
    "POST",
    "/api/internal/users",
    PERSON,
    { success: true, user: USER },
    USER,
  ],
  [
    "findUserByEmail",
    ["a@b.example"],
    "POST",
    "/api/internal/users/by-email",
    { email: "a@b.example" },
    { user_exists: true, user: USER },
    USER,
  ],
  [
    "findUserByEmail",
    ["a@b.example"],
    "POST",
    "/api/internal/users/by-email",
    { email: "a@b.example" },
    { user_exists: false, user: null },
    null,
  ],
  [
    "createSession",
    [account],
    "POST",
    "/api/internal/sessions",
    account,
    { session_token: "t" },
    { session_token: "t" },
  ],
  [
    "validateSession",
    ["t"],
    "POST",
    "/api/internal/sessions/validate",
    { session_token: "t" },
    { renewed: true },
    { renewed: true },
  ],
  [
    "createTokens",
    [account],
    "POST",
    "/api/internal/tokens",
    account,
    { refresh_token: "r" },
    { refresh_token: "r" },
  ],
];
const FORWARDED = [
  [
    "validateVisitorSession",
    [],
    "GET",
    "/api/auth/sessions/validate",
    undefined,
    { user: USER },
    { user: USER },
  ],
  [
    "validateVisitor",
    [],
    "GET",
    "/api/auth/tokens/validate",
    undefined,
    { user: USER },
    { user: USER },
  ],
  ["logout", [], "POST", "/api/auth/sessions/logout", undefined, { success: true }, undefined],
  ["me", [], "GET", "/api/users/me", undefined, USER, USER],
  ["updateMe", [{ name: null }], "PUT", "/api/users/me", { name: null }, USER, USER],
  ["deleteMe", [], "DELETE", "/api/users/me", undefined, { success: true }, undefined],
  [
    "listTokens",
    [],
    "GET",
    "/api/users/me/tokens",
    undefined,
    { tokens: [{ id: "x" }] },
    [{ id: "x" }],
  ],
  [
    "revokeToken",
    [ID],
    "DELETE",
    `/api/auth/tokens/${ID}/revoke`,
    undefined,
    { success: true },
    undefined,
  ],
  [
    "revokeAllTokens",
    [ID],
    "DELETE",
    `/api/auth/users/${ID}/tokens/revoke`,
    undefined,
    { revoked: 3 },
    3,
  ],
];
const REFRESH = [
  "refresh",
  ["hmr_r"],
  "POST",
  "/api/auth/tokens/refresh",
  { refresh_token: "hmr_r" },
  { refresh_token: "s" },
  { refresh_token: "s" },
];

/** Calls and compares; gives the headers that were sent. */
const called = async ([name, args, method, path, body, answer, result], before = []) => {
  const { sent, client } = fake([json(answer)]);
  assert.deepEqual(await client[name](...before, ...args), result, name);
  assert.equal(sent.length, 1);
  assert.deepEqual([sent[0].method, sent[0].path], [method, path]);
  assert.equal(sent[0].body, body === undefined ? "" : JSON.stringify(body));
  assert.equal(sent[0].headers.get("content-type"), body === undefined ? null : "application/json");
  assert.equal(sent[0].request.redirect, "manual");
  return sent[0].headers;
};

test("internal calls carry the service's name and key, and no credential", async () => {
  for (const row of INTERNAL) {
    const headers = await called(row);
    assert.equal(headers.get("x-internal-service"), "hamrah-app");
    assert.equal(headers.get("x-internal-key"), KEY);
    assert.equal(headers.get("user-agent"), "hamrah-app-internal/1.0");
    for (const name of ["authorization", "cookie", "origin"]) assert.equal(headers.get(name), null);
  }
});

test("public calls carry the visitor's credential as it came, and never the key", async () => {
  for (const row of FORWARDED) {
    const byCookie = await called(row, [cookie]);
    assert.deepEqual(
      [byCookie.get("cookie"), byCookie.get("authorization")],
      [cookie.cookie, null],
    );
    const byBearer = await called(row, [bearer]);
    assert.deepEqual(
      [byBearer.get("cookie"), byBearer.get("authorization")],
      [null, "Bearer hms_secret"],
    );
    const byNothing = await called(row, [{ cookie: null }]);
    assert.deepEqual([byNothing.get("cookie"), byNothing.get("authorization")], [null, null]);
    for (const headers of [byCookie, byBearer, byNothing]) {
      for (const name of ["x-internal-key", "x-internal-service", "origin"])
        assert.equal(headers.get(name), null);
    }
  }
  const headers = await called(REFRESH);
  for (const name of ["x-internal-key", "authorization", "cookie"])
    assert.equal(headers.get(name), null);
});

test("every call is one that the API describes", () => {
  const { paths } = JSON.parse(readFileSync(here("../../../openapi.json"), "utf8"));
  const rows = [...INTERNAL, ...FORWARDED, REFRESH];
  for (const [name, , method, path, body] of rows) {
    const described = Object.keys(paths).find((template) =>
      new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`).test(path),
    );
    const operation = paths[described]?.[method.toLowerCase()];
    assert.ok(operation, `${name}: ${method} ${path}`);
    assert.equal(
      operation.requestBody !== undefined,
      body !== undefined,
      `${name}: whether there is a body`,
    );
  }
  const methods = Object.getOwnPropertyNames(HamrahApi.prototype).filter(
    (name) => name !== "constructor",
  );
  assert.deepEqual(
    new Set(rows.map(([name]) => name)),
    new Set(methods),
    "every method is in the tables above",
  );
});

test("a URL is called through the global fetch, and must be an origin", async (t) => {
  const requests = [];
  mock.method(globalThis, "fetch", async (request) => {
    requests.push(request.url);
    return json(USER);
  });
  t.after(() => mock.restoreAll());
  for (const api of ["https://api.hamrah.app", "https://api.hamrah.app/"])
    await new HamrahApi({ api }).me(bearer);
  assert.deepEqual(requests, Array(2).fill("https://api.hamrah.app/api/users/me"));
  for (const api of [
    "",
    "api.hamrah.app",
    "/api",
    "ftp://h",
    "https://h/v1",
    "https://h?a=b",
    "https://u:hunter2@h",
  ]) {
    assert.throws(
      () => new HamrahApi({ api }),
      (error) => error instanceof TypeError && !error.message.includes("hunter2"),
      api,
    );
  }
});

test("without a key none is sent", async () => {
  const { sent, client } = fake([problem(401, "internal_key_required")], {
    internalKey: undefined,
  });
  assert.equal((await failure(client.createUser(PERSON))).code, "internal_key_required");
  assert.equal(sent[0].headers.has("x-internal-key"), false);
});

test("a problem document becomes an error with its fields", async () => {
  const { client } = fake([problem(409, "conflict", { "Retry-After": "7" })]);
  const error = await failure(client.me(cookie));
  const { name, status, code, requestId, retryAfter, message } = error;
  assert.deepEqual(
    { name, status, code, requestId, retryAfter, message },
    {
      name: "HamrahApiError",
      status: 409,
      code: "conflict",
      requestId: "req-12345678",
      retryAfter: 7,
      message: "About conflict.",
    },
  );
});

test("an answer of somebody else is an error that repeats nothing of it", async () => {
  const secret = "echoed-secret";
  const html = (status, headers) => new Response(`<p>${secret}</p>`, { status, headers });
  const answers = [
    html(502),
    html(302, { Location: "https://elsewhere.example/" }),
    html(200),
    json(null),
    json(USER, { status: 201 }),
    json({ detail: secret, code: secret, request_id: secret }, { status: 404 }),
    new Response(secret, { status: 500, headers: { "Content-Type": "application/problem+json" } }),
  ];
  for (const answer of answers) {
    const error = await failure(fake([answer]).client.me(cookie));
    assert.deepEqual([error.status, error.code], [answer.status, "invalid_answer"]);
    assert.ok(!inspect(error).includes(secret), inspect(error));
  }
  const error = await failure(
    fake([html(500, { "X-Request-Id": "req-of-header" })]).client.me(cookie),
  );
  assert.equal(error.requestId, "req-of-header");
});

test("Retry-After may be a date, and what is neither is absent", async () => {
  const after = async (value) =>
    (await failure(fake([problem(429, "slow", { "Retry-After": value })]).client.me(cookie)))
      .retryAfter;
  const seconds = await after(new Date(Date.now() + 90_000).toUTCString());
  assert.ok(seconds >= 88 && seconds <= 90, String(seconds));
  assert.equal(await after(new Date(0).toUTCString()), 0);
  assert.equal(await after("soon"), undefined);
});

test("a 503 is repeated once, with the same body, after Retry-After", async () => {
  const { sent, client } = fake([
    problem(503, "service_unavailable", { "Retry-After": "1" }),
    json({ user: USER }),
  ]);
  const started = performance.now();
  assert.deepEqual(await client.createUser(PERSON), USER);
  assert.ok(performance.now() - started >= 950);
  assert.deepEqual(
    sent.map(({ body }) => JSON.parse(body)),
    [PERSON, PERSON],
  );
});

test("a 503 is not repeated twice, nor without a short Retry-After; nothing else is repeated", async () => {
  const again = { "Retry-After": "0" };
  for (const [answer, times] of [
    [problem(503, "service_unavailable", again), 2],
    [problem(503, "service_unavailable"), 1],
    [problem(503, "service_unavailable", { "Retry-After": "60" }), 1],
    [problem(429, "slow", again), 1],
    [problem(500, "internal_error", again), 1],
    [problem(401, "invalid_token", again), 1],
  ]) {
    const { sent, client } = fake([answer]);
    assert.equal((await failure(client.refresh("hmr_r"))).status, answer.status);
    assert.equal(sent.length, times, `${answer.status}`);
  }
});

test("a failure below is `network`, also in the middle of an answer, and is not repeated", async () => {
  const broken = new TypeError("fetch failed");
  const cut = () =>
    new Response(new ReadableStream({ pull: (controller) => controller.error(broken) }));
  for (const answer of [() => Promise.reject(broken), cut]) {
    const { sent, client } = fake([answer]);
    const error = await failure(client.createSession(account));
    assert.deepEqual(
      [error.status, error.code, error.cause, sent.length],
      [0, "network", broken, 1],
    );
  }
});

test("a signal ends a call before, during and between attempts, with its own reason", async () => {
  const reason = new Error("enough");
  const { sent, client } = fake([json(USER)]);
  await assert.rejects(client.me(cookie, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(sent.length, 0);

  const never = ({ signal }) =>
    new Promise((_, failed) => {
      // The timer keeps the process running: that of AbortSignal.timeout does not.
      const late = setTimeout(failed, 5000, new Error("not aborted"));
      signal.addEventListener("abort", () => {
        clearTimeout(late);
        failed(signal.reason);
      });
    });
  const hanging = fake([never]);
  const during = new AbortController();
  setTimeout(() => during.abort(reason), 20);
  await assert.rejects(hanging.client.me(cookie, { signal: during.signal }), reason);

  const busy = fake([problem(503, "service_unavailable", { "Retry-After": "5" })]);
  const between = new AbortController();
  setTimeout(() => between.abort(reason), 20);
  const started = performance.now();
  await assert.rejects(busy.client.me(cookie, { signal: between.signal }), reason);
  assert.ok(performance.now() - started < 2000);
  assert.equal(busy.sent.length, 1);
  await assert.rejects(hanging.client.me(cookie, { signal: AbortSignal.timeout(20) }), {
    name: "TimeoutError",
  });
});

test("secrets are in no message, no cause and no printed client", async () => {
  const secret = "s3cret\nvalue";
  const { sent, client } = fake([json(USER)], { internalKey: secret });
  for (const call of [
    client.createUser(PERSON),
    client.me({ cookie: `session=${secret}` }),
    client.me({ bearer: secret }),
  ]) {
    const error = await failure(call);
    assert.equal(error.code, "invalid_request");
    assert.ok(
      !`${inspect(error)}${error.stack}${JSON.stringify(error)}`.includes("s3cret"),
      inspect(error),
    );
  }
  assert.equal(sent.length, 0);
  assert.ok(
    !`${inspect(client, { showHidden: true, depth: 9 })}${JSON.stringify(client)}`.includes(
      "s3cret",
    ),
  );
});

test("what is no id never gets into a path", async () => {
  const { sent, client } = fake([json({ success: true, revoked: 1 })]);
  for (const id of ["..", ".", "", "%2e%2e", "a/b", "a?b", "a#b", "ä"]) {
    assert.equal((await failure(client.revokeToken(bearer, id))).code, "invalid_request");
    assert.equal((await failure(client.revokeAllTokens(bearer, id))).code, "invalid_request");
  }
  assert.equal(sent.length, 0);
});

test("cookies of the answer are handed on one by one, also those of an error", async () => {
  const lines = ["session=; Max-Age=0", "session=; Max-Age=0; Domain=.hamrah.app"];
  for (const answer of [json({ success: true }), problem(422, "invalid_name")]) {
    for (const line of lines) answer.headers.append("Set-Cookie", line);
    const seen = [];
    const call = fake([answer]).client.logout(cookie, { onSetCookie: (line) => seen.push(line) });
    await (answer.ok ? call : failure(call));
    assert.deepEqual(seen, lines);
  }
});

test("what would satisfy a demand for a fresh proof is in the error", async () => {
  const body = {
    status: 403,
    code: "reauthentication_required",
    detail: "D",
    step_up: { methods: ["passkey", "sign_in"], max_age: 600 },
  };
  const answer = () =>
    new Response(JSON.stringify(body), {
      status: 403,
      headers: { "Content-Type": "application/problem+json" },
    });
  assert.deepEqual((await failure(fake([answer]).client.deleteMe(cookie))).stepUp, {
    methods: ["passkey", "sign_in"],
    maxAge: 600,
  });
  for (const step_up of [
    undefined,
    null,
    "x",
    { methods: "passkey" },
    { methods: [], max_age: "600" },
  ]) {
    const odd = () =>
      new Response(JSON.stringify({ ...body, step_up }), {
        status: 403,
        headers: { "Content-Type": "application/problem+json" },
      });
    assert.equal((await failure(fake([odd]).client.deleteMe(cookie))).stepUp, undefined);
  }
});
