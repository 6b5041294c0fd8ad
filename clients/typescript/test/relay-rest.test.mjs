// The REST calls of the relay's client.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import { inspect } from "node:util";
import { CHANNEL, ORIGIN, TOKEN, failure, fromBase64, login } from "./relay-support.mjs";
import { createRelay, problem, refresh, register, settle, toBase64 } from "./relay-support.mjs";

const ID = "7f0f6a0e-6d0c-4e4e-9a55-0f4f7d0b5a11";
const OTHER = "7f0f6a0e-6d0c-4e4e-9a55-0f4f7d0b5a12";
const { paths } = JSON.parse(readFileSync(new URL("../../../openapi.json", import.meta.url)));

/** Creates a client of a fake API, which gives one answer after the other and repeats the last. */
const fake = (...answers) => {
  const sent = [];
  const fetch = async (request) => {
    sent.push({ request, body: await request.text() });
    const answer = answers[Math.min(sent.length, answers.length) - 1] ?? Response.json({});
    return typeof answer === "function" ? answer(request) : answer.clone();
  };
  const options = { origin: ORIGIN, fetch };
  const relay = createRelay({ ...options, token: () => TOKEN, WebSocket: class {} });
  return { sent, relay, options };
};

const META = { encrypted_meta: "bQ==" };
// [group, method, arguments, request, body]
const CALLS = [
  ["keys", "uploadPrekeys", [["a"]], "POST /keys/prekeys", { prekeys: ["a"] }],
  ["keys", "countPrekeys", [], "GET /keys/prekeys/count"],
  ["keys", "removePrekeys", [], "DELETE /keys/prekeys"],
  ["keys", "uploadPqPrekeys", [{ pq_prekeys: [] }], "POST /keys/pq-prekeys", { pq_prekeys: [] }],
  ["keys", "countPqPrekeys", [], "GET /keys/pq-prekeys/count"],
  ["keys", "identity", [], "GET /keys/identity"],
  ["keys", "setIdentity", [{ identity_key: "k" }], "PUT /keys/identity", { identity_key: "k" }],
  ["keys", "backup", [], "GET /keys/backup"],
  ["keys", "storeBackup", [{ nonce: "n" }], "PUT /keys/backup", { nonce: "n" }],
  ["servers", "list", [], "GET /servers"],
  ["servers", "get", [ID], "GET /servers/{ID}"],
  ["servers", "create", ["bQ=="], "POST /servers", META],
  ["servers", "update", [ID, "bQ=="], "PATCH /servers/{ID}", META],
  ["servers", "delete", [ID], "DELETE /servers/{ID}"],
  ["servers", "channels", [ID], "GET /servers/{ID}/channels"],
  ["servers", "createChannel", [ID, META], "POST /servers/{ID}/channels", META],
  ["servers", "members", [ID, { limit: 5, after: OTHER }], "GET /servers/{ID}/members", , "P"],
  ["servers", "removeMember", [ID, OTHER], "DELETE /servers/{ID}/members/{OTHER}"],
  [
    "servers",
    "setRole",
    [ID, OTHER, "admin"],
    "PUT /servers/{ID}/members/{OTHER}",
    { role: "admin" },
  ],
  ["servers", "leave", [ID], "DELETE /servers/{ID}/members/@me"],
  ["servers", "invites", [ID], "GET /servers/{ID}/invites"],
  ["servers", "createInvite", [ID], "POST /servers/{ID}/invites", {}],
  ["servers", "deleteInvite", [ID, OTHER], "DELETE /servers/{ID}/invites/{OTHER}"],
  ["servers", "join", ["code"], "POST /invites/code/join"],
  ["channels", "update", [ID, "bQ=="], "PUT /channels/{ID}", META],
  ["channels", "delete", [ID], "DELETE /channels/{ID}"],
  ["channels", "join", [ID], "POST /channels/{ID}/join"],
  ["channels", "leave", [ID], "DELETE /channels/{ID}/leave"],
  ["channels", "members", [ID, { limit: 5, after: OTHER }], "GET /channels/{ID}/members", , "P"],
  ["channels", "memberKeys", [ID], "GET /channels/{ID}/members/keys"],
  ["channels", "senderKeys", [ID], "GET /channels/{ID}/sender-keys"],
  [
    "channels",
    "distributeSenderKeys",
    [ID, []],
    "POST /channels/{ID}/sender-keys",
    { distributions: [] },
  ],
  [
    "channels",
    "openDirectMessage",
    [OTHER],
    "POST /dm",
    { target_user_id: OTHER, encrypted_meta: "" },
  ],
  ["channels", "directMessages", [{ limit: 5, after: OTHER }], "GET /dm", , "P"],
  ["messages", "history", [ID], "GET /channels/{ID}/messages"],
  ["messages", "edit", [ID, { secret: "s" }], "PATCH /messages/{ID}", { secret: "s" }],
  ["messages", "remove", [ID, "s"], "DELETE /messages/{ID}", { secret: "s" }],
  ["messages", "remove", [ID], "DELETE /messages/{ID}", {}],
  ["users", "block", [ID], "POST /users/{ID}/block"],
  ["users", "unblock", [ID], "DELETE /users/{ID}/block"],
  ["users", "blocked", [], "GET /users/blocked"],
];

test("each method calls its route, which the description of the API has", async () => {
  const tested = new Set(["bundle", "send", "since", "find"]);
  for (const [group, name, args, route, body, query] of CALLS) {
    const { relay, sent } = fake(Response.json([{ a: 1 }]));
    assert.deepEqual(await relay[group][name](...args), [{ a: 1 }]);
    const [{ request, body: text }] = sent;
    const url = new URL(request.url);
    const expected = route.replace("{ID}", ID).replace("{OTHER}", OTHER);
    assert.equal(`${request.method} ${url.pathname.replace("/api/v1", "")}`, expected);
    assert.equal(url.search, query ? `?limit=5&after=${OTHER}` : "", name);
    assert.deepEqual(text === "" ? undefined : JSON.parse(text), body, name);
    assert.equal(request.headers.get("Authorization"), `Bearer ${TOKEN}`);
    assert.equal(request.credentials, "omit");
    assert.equal(request.redirect, "manual");
    const [method, path] = route.split(" ");
    const known = Object.keys(paths).some(
      (known) =>
        new RegExp(`^/api/v1${path}$`.replace(/\{\w+\}/g, "\\{\\w+\\}")).test(
          known.replace("{code}", "code"),
        ) && paths[known][method.toLowerCase()],
    );
    assert.ok(known, `${route} is not in openapi.json`);
    tested.add(name);
  }
  const { relay } = fake();
  for (const group of ["keys", "servers", "channels", "messages", "users"])
    for (const name of Object.keys(relay[group])) assert.ok(tested.has(name), `${group}.${name}`);
});

test("queries are encoded", async () => {
  const { relay, sent } = fake(Response.json([]));
  await relay.messages.history(CHANNEL, { before: "2026-12-01T12:00:00.5+01:00", limit: 3 });
  await relay.messages.since(CHANNEL, 7, { limit: 2 });
  await relay.users.find("a&b");
  assert.deepEqual(
    sent.map(({ request }) => new URL(request.url).search),
    ["?before=2026-12-01T12%3A00%3A00.5%2B01%3A00&limit=3", "?since=7&limit=2", "?username=a%26b"],
  );
});

test("a bundle and a message have ids, so a repetition after a 503 is safe", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  const unavailable = problem(503, "service_unavailable", { "Retry-After": "1" });
  const calls = [
    (relay) => relay.keys.bundle(ID),
    (relay) => relay.messages.send(CHANNEL, { sender_token: "AAAA", encrypted_body: "AAAA" }),
  ];
  for (const call of calls) {
    const { relay, sent } = fake(unavailable, Response.json({ id: "m" }));
    const result = call(relay);
    await settle();
    mock.timers.tick(1000);
    assert.deepEqual(await result, { id: "m" });
    const ids = sent.map(({ request, body }) =>
      body === "" ? request.headers.get("Idempotency-Key") : JSON.parse(body).client_id,
    );
    assert.equal(fromBase64(ids[0]).length, 16);
    assert.equal(ids[0], ids[1]);
  }
  const { relay, sent } = fake(unavailable);
  assert.equal((await failure(relay.keys.uploadPrekeys(["a"]))).code, "service_unavailable");
  assert.equal(sent.length, 1, "prekeys are not uploaded twice");
  const own = { sender_token: "AAAA", encrypted_body: "AAAA", client_id: "own" };
  await fake().relay.messages.send(CHANNEL, own);
  const chosen = fake();
  await chosen.relay.keys.bundle(ID, { idempotencyKey: "mine" });
  assert.equal(chosen.sent[0].request.headers.get("Idempotency-Key"), "mine");
});

test("errors are those of the API, and name no token", async () => {
  const rows = [
    [problem(404, "channel_not_found"), 404, "channel_not_found"],
    [problem(429, "too_many_attempts", { "Retry-After": "7" }), 429, "too_many_attempts"],
    [new Response("<h1>", { status: 200 }), 200, "invalid_answer"],
    [() => Promise.reject(new TypeError("fetch failed")), 0, "network"],
  ];
  for (const [answer, status, code] of rows) {
    const error = await failure(fake(answer).relay.messages.history(CHANNEL));
    assert.deepEqual([error.status, error.code], [status, code]);
    assert.equal(error.retryAfter, status === 429 ? 7 : undefined);
    assert.ok(!inspect(error).includes(TOKEN));
  }
  const { relay, sent } = fake();
  for (const id of ["", "..", "a/b", "a?b"])
    assert.equal((await failure(relay.servers.get(id))).code, "invalid_request");
  assert.equal(sent.length, 0);
  assert.ok(!inspect(relay, { showHidden: true, depth: 9 }).includes(TOKEN));
});

test("a signal aborts a call with its reason", async () => {
  const reason = new Error("too slow");
  const { relay } = fake();
  const signal = AbortSignal.abort(reason);
  await assert.rejects(relay.servers.list({ signal }), reason);
});

test("sign-up, sign-in and refresh need no token", async () => {
  const rows = [
    [register, { username: "ada" }, "/auth/register", { username: "ada" }],
    [login, { username: "ada", password: "p" }, "/auth/login", { username: "ada", password: "p" }],
    [refresh, "r", "/auth/refresh", { refresh_token: "r" }],
  ];
  for (const [call, argument, path, body] of rows) {
    const { sent, options } = fake(Response.json({ access_token: "a" }));
    assert.deepEqual(await call(argument, options), { access_token: "a" });
    assert.equal(new URL(sent[0].request.url).pathname, `/api/v1${path}`);
    assert.deepEqual(JSON.parse(sent[0].body), body);
    assert.equal(sent[0].request.headers.get("Authorization"), null);
  }
  const { options } = fake(problem(409, "username_taken"));
  assert.equal((await failure(register({}, options))).code, "username_taken");
});

test("bytes are base64 in the standard alphabet", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 256);
  const text = Buffer.from(bytes).toString("base64");
  assert.equal(toBase64(bytes), text);
  assert.deepEqual(fromBase64(text), bytes);
  assert.throws(() => fromBase64("!"));
});
