// The errors that the client throws, its repetitions, and the secrets that it protects.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { PERSON, USER, account, bearer, cookie, failure, fake, json, problem } from "./support.mjs";

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

test("an answer of another server is an error without any of its text", async () => {
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

test("Retry-After may be a date, and an invalid value is ignored", async () => {
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

test("only a 503 with a short Retry-After is repeated, and only once", async () => {
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

test("a network failure is `network`, also within a body, and is not repeated", async () => {
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
      // This timer keeps the process running. The timer of AbortSignal.timeout does not.
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

test("only ids get into a path", async () => {
  const { sent, client } = fake([json({ success: true, revoked: 1 })]);
  for (const id of ["..", ".", "", "%2e%2e", "a/b", "a?b", "a#b", "ä"]) {
    assert.equal((await failure(client.revokeToken(bearer, id))).code, "invalid_request");
    assert.equal((await failure(client.revokeAllTokens(bearer, id))).code, "invalid_request");
  }
  assert.equal(sent.length, 0);
});

test("cookies of a response are passed on one by one, also those of an error", async () => {
  const lines = ["session=; Max-Age=0", "session=; Max-Age=0; Domain=.hamrah.app"];
  for (const answer of [json({ success: true }), problem(422, "invalid_name")]) {
    for (const line of lines) answer.headers.append("Set-Cookie", line);
    const seen = [];
    const call = fake([answer]).client.logout(cookie, { onSetCookie: (line) => seen.push(line) });
    await (answer.ok ? call : failure(call));
    assert.deepEqual(seen, lines);
  }
});

test("the error names the methods of a step-up", async () => {
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
