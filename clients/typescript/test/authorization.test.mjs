// The authorization client with a scripted network: its cache, and unexpected answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { build } from "esbuild";

const entryPoints = [new URL("../src/authorization.ts", import.meta.url).pathname];
const { outputFiles } = await build({
  entryPoints,
  bundle: true,
  format: "esm",
  platform: "neutral",
  write: false,
});
const { AuthorizationClient, AuthorizationUnavailable } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
);

const TOKEN = `hmp_${"a".repeat(43)}`;
const START = 1_800_000_000;
const URL_ = "https://auth.example";
const good = ({
  version = 1,
  permissions = ["read"],
  end = START + 300,
  age = 1000,
  service = 1,
} = {}) => ({
  valid: true,
  payload: { user_id: 7, username: "ada", name: "Ada" },
  renewed: false,
  expires_at: end,
  access: {
    service_id: service,
    roles: ["Keeper"],
    permissions,
    policy_version: version,
    max_age: age,
  },
});
const json = (body, status = 200, headers = {}) => Response.json(body, { status, headers });
const refusal = (error = "invalid_token") => json({ valid: false, error }, 401);

/**
 * Creates a client with a scripted network. The network gives one answer to each request and repeats
 * the last one. `clock.now` is in seconds.
 */
const scripted = (answers, options = {}) => {
  const sent = [];
  const clock = { now: START };
  const fetch = async (request) => {
    sent.push(request);
    const answer = answers[Math.min(sent.length, answers.length) - 1];
    return typeof answer === "function" ? answer(request) : answer.clone();
  };
  return {
    sent,
    clock,
    client: new AuthorizationClient({
      url: URL_,
      service: "Stock",
      fetch,
      now: () => clock.now * 1000,
      ...options,
    }),
  };
};

const unavailable = async (promise) => {
  const error = await promise.then(
    (value) => assert.fail(`the call succeeded: ${inspect(value)}`),
    (error) => error,
  );
  assert.ok(error instanceof AuthorizationUnavailable, inspect(error));
  return error;
};
/** An answer that `give` provides later. */
const later = () => {
  let give;
  const given = new Promise((resume) => (give = resume));
  return { answer: () => given, give };
};

test("the request and the result follow the contract", async () => {
  const { client, sent } = scripted([json(good())], { clientId: "stock-1" });
  const checked = await client.check(TOKEN, { permission: "read" });
  assert.deepEqual(checked, {
    ok: true,
    user: { user_id: 7, username: "ada", name: "Ada" },
    service_id: 1,
    roles: ["Keeper"],
    permissions: ["read"],
    policy_version: 1,
    max_age: 1000,
    expires_at: START + 300,
    cached: false,
  });
  const [request] = sent;
  assert.deepEqual(
    [request.method, request.url, request.redirect],
    ["POST", `${URL_}/check-token`, "manual"],
  );
  assert.deepEqual(
    [request.headers.get("token"), request.headers.get("x-client-id")],
    [TOKEN, "stock-1"],
  );
  assert.deepEqual(await request.json(), { service_id: "Stock" });
  assert.throws(
    () => checked.permissions.push("write"),
    TypeError,
    "a cached answer can be changed",
  );
  assert.ok(!inspect(client, { depth: 9, showHidden: true }).includes(TOKEN));
});

test("no setting keeps an answer longer than a minute, or longer than its token", async () => {
  const rows = [
    [{}, 60],
    [{ maxAge: 600 }, 60],
    [{ maxAge: Infinity }, 60],
    [{ maxAge: 10 }, 10],
    [{ renewWithin: 0 }, 20, START + 20],
    // In a token's last 30 seconds the client asks the service, which renews the token.
    [{}, 20, START + 50],
    [{ renewWithin: 45 }, 5, START + 50],
  ];
  for (const [options, life, end] of rows) {
    const { client, sent, clock } = scripted([json(good({ end }))], options);
    await client.check(TOKEN);
    clock.now = START + life - 0.001;
    assert.equal((await client.check(TOKEN)).cached, true, inspect(options));
    clock.now = START + life;
    await client.check(TOKEN);
    assert.equal(sent.length, 2, inspect(options));
  }
  const { client, sent } = scripted([json(good())], { maxAge: 0 });
  for (let time = 0; time < 3; time += 1) assert.equal((await client.check(TOKEN)).cached, false);
  assert.equal(sent.length, 3);
});

test("the minute counts from the request, and a clock that is set back ends it", async () => {
  const { client, sent, clock } = scripted([() => ((clock.now += 4), json(good()))]);
  await client.check(TOKEN);
  for (const at of [30, 59.9]) {
    clock.now = START + at;
    await client.check(TOKEN);
  }
  assert.equal(sent.length, 1);
  clock.now = START + 60;
  await client.check(TOKEN);
  assert.equal(sent.length, 2);
  clock.now = START - 100;
  await client.check(TOKEN);
  assert.equal(sent.length, 3);
});

test("no answer is cached longer than its max_age", async () => {
  const { client, sent, clock } = scripted([json(good({ age: 20 }))]);
  for (const [at, asked] of [
    [0, 1],
    [19, 1],
    [20, 2],
  ]) {
    clock.now = START + at;
    await client.check(TOKEN);
    assert.equal(sent.length, asked, `${at} s`);
  }
});

test("a text that cannot be a token is not sent", async () => {
  const { client, sent } = scripted([json(good())]);
  for (const token of [
    "",
    " ",
    `${TOKEN}\r\nx-forwarded-for: 10.0.0.1`,
    `${TOKEN}\n`,
    `${TOKEN}, ${TOKEN}`,
    "tökén",
    "a".repeat(257),
    "\u0000",
  ]) {
    assert.deepEqual(await client.check(token), { ok: false, status: 401, error: "invalid_token" });
  }
  for (const token of [null, undefined])
    assert.equal((await client.check(token)).error, "missing_token_header");
  assert.equal(sent.length, 0);
});

test("refusals are returned and not cached", async () => {
  for (const error of ["invalid_token", "expired_token", "missing_token_header"]) {
    const { client, sent } = scripted([
      refusal(error),
      json(good({ permissions: [] })),
      json(good()),
    ]);
    assert.deepEqual(await client.check(TOKEN), { ok: false, status: 401, error });
    const forbidden = await client.check(TOKEN, { permission: "read" });
    assert.deepEqual(forbidden, { ok: false, status: 403, error: "forbidden", permission: "read" });
    assert.equal(
      (await client.check(TOKEN, { permission: "read" })).ok,
      true,
      "a grant counts at once",
    );
    assert.equal(sent.length, 3);
  }
});

test("a permission without a name is a TypeError", async () => {
  const { client } = scripted([json(good())]);
  for (const permission of [undefined, null, 1])
    await assert.rejects(client.check(TOKEN, { permission }), TypeError);
});

test("an answer of another server never passes", async () => {
  const without = (change) => {
    const body = structuredClone(good());
    change(body);
    return json(body);
  };
  const answers = [
    without((body) => delete body.valid),
    without((body) => (body.valid = "true")),
    without((body) => delete body.payload),
    without((body) => (body.payload.user_id = "7")),
    without((body) => delete body.access),
    without((body) => (body.access.permissions = "read write")),
    without((body) => (body.access.roles = [1])),
    without((body) => delete body.access.policy_version),
    without((body) => delete body.access.max_age),
    without((body) => (body.expires_at = "never")),
    json(null),
    new Response("<h1>Welcome</h1>"),
    new Response(""),
    json(good(), 201),
    new Response(null, { status: 302, headers: { location: "https://elsewhere.example" } }),
    // From a proxy, which knows nothing about the token.
    new Response("who are you?", { status: 401 }),
    json({ error: "invalid_token" }, 401),
  ];
  for (const answer of answers) {
    const { client } = scripted([answer]);
    const error = await unavailable(client.check(TOKEN));
    assert.equal(error.status, answer.status);
  }
});

test("an error has the service's code and the time to wait", async () => {
  const rows = [
    [json({ error: "rate_limited" }, 429, { "retry-after": "3" }), 429, "rate_limited", 3],
    [json({ error: "unavailable" }, 503), 503, "unavailable", undefined],
    [json({ error: "service_not_found" }, 404), 404, "service_not_found", undefined],
    [new Response("no", { status: 502 }), 502, "invalid_answer", undefined],
    [() => Promise.reject(new TypeError("fetch failed")), 0, "network", undefined],
  ];
  for (const [answer, status, code, retryAfter] of rows) {
    const { client } = scripted([answer]);
    const error = await unavailable(client.check(TOKEN));
    assert.deepEqual([error.status, error.code, error.retryAfter], [status, code, retryAfter]);
    assert.ok(!inspect(error).includes(TOKEN));
  }
  const hears = ({ signal }) =>
    new Promise((_, failed) => signal.addEventListener("abort", () => failed(signal.reason)));
  for (const silent of [hears, () => new Promise(() => {})]) {
    assert.equal(
      (await unavailable(scripted([silent], { timeout: 20 }).client.check(TOKEN))).code,
      "timeout",
    );
  }
});

test("a deleted service clears the cache", async () => {
  const { client, sent } = scripted([json(good()), json({ error: "service_not_found" }, 404)]);
  await client.check(TOKEN);
  await unavailable(client.check(TOKEN, { write: true }));
  await unavailable(client.check(TOKEN));
  assert.equal(sent.length, 3);
});

test("the least recently used answer leaves a full cache", async () => {
  const { client, sent } = scripted([json(good())], { maxEntries: 2 });
  for (const token of ["a", "b", "a", "c", "a"]) await client.check(token);
  assert.equal(sent.length, 3);
  await client.check("b");
  assert.equal(sent.length, 4);
});

test("an answer with an older policy version is used once and not cached", async () => {
  const { client, sent } = scripted([
    json(good({ version: 5 })),
    json(good({ version: 4 })),
    json(good({ version: 5 })),
  ]);
  for (const [token, count] of [
    ["a", 1],
    ["b", 2],
    ["a", 2],
    ["b", 3],
    ["b", 3],
    ["a", 3],
  ]) {
    await client.check(token);
    assert.equal(sent.length, count);
  }
});

test("another service, or an older version after a restore, starts again", async () => {
  const { client, sent, clock } = scripted([
    json(good({ version: 9 })),
    json(good({ version: 2, service: 3 })),
    json(good({ version: 1, service: 3 })),
  ]);
  for (const token of ["a", "b", "b"]) await client.check(token);
  assert.equal(sent.length, 2);
  clock.now += 60;
  for (const token of ["a", "a"]) await client.check(token);
  assert.equal(sent.length, 3);
});

test("an answer to a request from before a refusal is not cached", async () => {
  const slow = later();
  const { client, sent } = scripted([slow.answer, refusal(), refusal()]);
  const read = client.check(TOKEN);
  while (sent.length < 1) await new Promise((resume) => setImmediate(resume));
  assert.equal((await client.check(TOKEN, { write: true })).ok, false);
  slow.give(json(good()));
  assert.equal((await read).ok, true);
  assert.equal((await client.check(TOKEN)).ok, false);
});

test("an answer to an earlier request does not replace a later one", async () => {
  const slow = later();
  const { client, sent } = scripted([
    slow.answer,
    json(good({ permissions: [] })),
    json(good({ permissions: [] })),
  ]);
  const read = client.check(TOKEN);
  while (sent.length < 1) await new Promise((resume) => setImmediate(resume));
  await client.check(TOKEN, { write: true });
  slow.give(json(good({ permissions: ["read"] })));
  await read;
  assert.deepEqual((await client.check(TOKEN)).permissions, []);
});

test("reads share a failed request and then ask again, but not in a Worker", async () => {
  for (const [share, first] of [
    [undefined, 1],
    [false, 5],
  ]) {
    const slow = later();
    // A read takes the time before it asks the cache, and once more before it sends a request. After
    // this number of readings, every read has sent its request or joined one.
    let readings = 0;
    const now = () => {
      readings += 1;
      return START * 1000;
    };
    const options = share === undefined ? { now } : { now, share };
    const { client, sent } = scripted([...Array(first).fill(slow.answer), json(good())], options);
    const reads = Array.from({ length: 5 }, () => unavailable(client.check(TOKEN)));
    while (readings < 5 + first) await new Promise((resume) => setImmediate(resume));
    slow.give(Promise.reject(new TypeError("fetch failed")));
    await Promise.all(reads);
    assert.equal(sent.length, first);
    assert.equal((await client.check(TOKEN)).ok, true);
  }
});

test("a completed request is not shared while another one is in flight", async () => {
  const slow = later();
  const { client, sent } = scripted([slow.answer, json(good()), refusal()], { maxAge: 0 });
  const read = client.check(TOKEN);
  while (sent.length < 1) await new Promise((resume) => setImmediate(resume));
  await client.check(TOKEN, { write: true });
  assert.equal((await client.check(TOKEN)).ok, false);
  slow.give(json(good()));
  await read;
});

test("invalid settings are refused", () => {
  const wrong = [
    { url: "http://auth.example" },
    { url: `${URL_}/auth` },
    { service: "" },
    { maxAge: -1 },
    { maxAge: NaN },
    { renewWithin: -1 },
    { timeout: 0 },
    { maxEntries: 0 },
    { clientId: "a\nb" },
  ];
  for (const options of wrong)
    assert.throws(
      () => new AuthorizationClient({ url: URL_, service: "Stock", ...options }),
      TypeError,
      inspect(options),
    );
});
