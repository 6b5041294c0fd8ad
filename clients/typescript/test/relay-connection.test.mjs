// The connection of the relay's client: tickets, heartbeats, and when it connects again.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CHANNEL, ORIGIN, TOKEN, createRelay, failure, problem } from "./relay-support.mjs";
import { scripted, settle } from "./relay-support.mjs";

const withTimers = (t) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  t.after(() => mock.timers.reset());
};
/** Moves the clock in steps, so that promises between two timers run. */
const pass = async (milliseconds, step = 250) => {
  for (let left = milliseconds; left > 0; left -= step) {
    mock.timers.tick(Math.min(step, left));
    await settle();
  }
};
const statesOf = (relay) => {
  const states = [];
  relay.on("state", (state) => states.push(state));
  return states;
};

test("the client connects with a ticket and is open after Hello", async () => {
  const { relay, requests, sockets } = scripted();
  const states = statesOf(relay);
  assert.deepEqual(relay.state, { state: "idle" });
  const connected = relay.connect();
  assert.equal(relay.connect(), connected, "a second call opens no second connection");
  await settle();
  const [{ route, request }] = requests;
  assert.equal(route, "POST /ws/ticket");
  assert.equal(request.headers.get("Authorization"), `Bearer ${TOKEN}`);
  assert.equal(request.credentials, "omit");
  assert.equal(sockets.length, 1);
  assert.equal(sockets[0].url, "wss://api.example/api/v1/ws?ticket=ticket%200");
  sockets[0].messages(1);
  assert.deepEqual(relay.state, { state: "connecting" });
  sockets[0].hello();
  await connected;
  assert.deepEqual(states, [{ state: "connecting" }, { state: "open", prekeysLeft: 7 }]);
  relay.close();
  assert.equal(sockets[0].closed, 1000);
  assert.deepEqual(relay.state, { state: "closed" });
});

test("a lost connection is replaced after times that double, with jitter", async (t) => {
  withTimers(t);
  const random = t.mock.method(Math, "random", () => 0);
  const { relay, sockets } = scripted({ backoff: { first: 1000, most: 6000 } });
  const states = statesOf(relay);
  relay.connect();
  await settle();
  const waits = [];
  for (const [index, jitter] of [0, 0.5, 1, 1, 1].entries()) {
    random.mock.mockImplementation(() => jitter);
    sockets.at(-1).drop();
    assert.equal(relay.state.state, "waiting");
    const { retryIn } = relay.state;
    waits.push(retryIn);
    mock.timers.tick(retryIn - 1);
    await settle();
    assert.equal(sockets.length, index + 1, "the client connected too early");
    mock.timers.tick(1);
    await settle();
    assert.equal(sockets.length, index + 2);
  }
  assert.deepEqual(waits, [500, 1500, 4000, 6000, 6000]);
  assert.equal(states.find(({ state }) => state === "waiting").error.code, "network");
  // A connection that lasted is a success, and a greeting alone is none.
  random.mock.mockImplementation(() => 1);
  sockets.at(-1).hello();
  sockets.at(-1).drop();
  assert.equal(relay.state.retryIn, 6000);
  await pass(6000);
  sockets.at(-1).hello();
  await pass(10_000);
  sockets.at(-1).drop(1001);
  assert.equal(relay.state.retryIn, 1000);
  relay.close();
  await pass(10_000);
  assert.equal(relay.state.state, "closed");
});

test("a connection without a greeting is given up in time", async (t) => {
  withTimers(t);
  const { relay, sockets } = scripted({ connectTimeout: 5000 });
  relay.connect();
  await settle();
  await pass(4999, 4999);
  assert.equal(relay.state.state, "connecting");
  await pass(1);
  assert.equal(relay.state.state, "waiting");
  assert.equal(sockets[0].closed, 1000);
  relay.close();
});

test("after 1008, 1009 and 1003 the client stops and says why", async (t) => {
  withTimers(t);
  const codes = { 1008: "session_ended", 1009: "frame_too_large", 1003: "unsupported_frame" };
  for (const [close, code] of Object.entries(codes)) {
    const { relay, sockets, open } = scripted();
    const socket = await open();
    const feed = relay.subscribe(CHANNEL);
    const next = feed.next();
    const sent = relay.send(CHANNEL, { body: "AAAA" });
    await settle();
    socket.drop(Number(close));
    for (const promise of [next, sent]) assert.equal((await failure(promise)).code, code);
    assert.deepEqual(await feed.next(), { done: true, value: undefined });
    assert.equal(relay.state.state, "stopped");
    assert.equal(relay.state.error.code, code);
    assert.equal((await failure(relay.send(CHANNEL, { body: "AAAA" }))).code, code);
    await pass(120_000, 10_000);
    assert.equal(sockets.length, 1, `${close}: the client connected again`);
    const again = await open();
    assert.equal(sockets.length, 2);
    assert.equal(relay.state.state, "open");
    relay.close();
    assert.equal(again.closed, 1000);
  }
});

test("a refused ticket ends the attempts, and a passing error does not", async (t) => {
  withTimers(t);
  const rows = [
    [() => problem(401, "invalid_token"), "stopped", "invalid_token"],
    [() => problem(403, "cross_site_request"), "stopped", "cross_site_request"],
    [() => problem(404, "not_found"), "stopped", "not_found"],
    [() => problem(503, "service_unavailable"), "waiting", "service_unavailable"],
    [() => problem(429, "too_many_attempts", { "Retry-After": "40" }), "waiting", 40_000],
    [() => Promise.reject(new TypeError("fetch failed")), "waiting", "network"],
  ];
  for (const [answer, state, expected] of rows) {
    const { relay, requests } = scripted({ answers: { "POST /ws/ticket": answer } });
    const connected = relay.connect();
    await settle();
    assert.equal(relay.state.state, state);
    if (typeof expected === "string") assert.equal(relay.state.error.code, expected);
    else assert.equal(relay.state.retryIn, expected);
    if (state === "stopped") assert.equal((await failure(connected)).code, expected);
    await pass(60_000, 10_000);
    assert.equal(requests.length === 1, state === "stopped", String(expected));
    relay.close();
  }
  // A source without a token is asked again, and a token that no header carries is not.
  for (const [token, state] of [
    [() => Promise.reject(new Error("not yet")), "waiting"],
    [() => "to\nken", "stopped"],
  ]) {
    const { relay } = scripted({ token });
    relay.connect();
    await settle();
    assert.equal(relay.state.state, state);
    relay.close();
  }
});

test("a ping is sent with every heartbeat, and a silent connection is replaced", async (t) => {
  withTimers(t);
  const { relay, sockets, open } = scripted();
  const socket = await open();
  for (let beat = 1; beat <= 4; beat += 1) {
    await pass(30_000, 30_000);
    assert.equal(socket.of("Ping").length, beat);
    socket.serve(["Pong"]);
  }
  assert.deepEqual(socket.sent.at(-1), { type: "Ping" });
  // Any frame is a sign of life, also one that this version does not know.
  await pass(20_000, 20_000);
  socket.serve(["FrameOfTomorrow", {}]);
  await pass(59_999, 30_000);
  assert.equal(relay.state.state, "open");
  await pass(1);
  assert.equal(relay.state.state, "waiting");
  assert.equal(socket.closed, 1000);
  await pass(1000);
  assert.equal(sockets.length, 2);
  // The end of the first socket comes late, and the second one does not care.
  sockets[1].hello();
  socket.drop(1008);
  socket.messages(1);
  assert.equal(relay.state.state, "open");
  relay.close();
});

test("a closed client does nothing more", async (t) => {
  withTimers(t);
  const { relay, requests, sockets } = scripted();
  const connected = relay.connect();
  relay.close();
  assert.equal((await failure(connected)).code, "closed");
  await settle();
  await pass(60_000, 10_000);
  assert.deepEqual([requests.length, sockets.length], [0, 0]);
  assert.equal((await failure(relay.send(CHANNEL, { body: "AAAA" }))).code, "closed");
});

test("a listener may close or connect, and its error does not disturb the client", async (t) => {
  const { relay, sockets, open } = scripted();
  relay.on("state", ({ state }) => state === "open" && relay.close());
  await open();
  assert.equal(relay.state.state, "closed");
  assert.equal(sockets[0].closed, 1000);
  const other = scripted();
  other.relay.on("typing", () => {
    throw new Error("the app's");
  });
  const heard = [];
  const off = other.relay.onTyping((event) => heard.push(event));
  const socket = await other.open();
  const thrown = [];
  const queue = t.mock.method(globalThis, "queueMicrotask", (run) => thrown.push(run));
  const typing = ["UserTyping", { channel_id: CHANNEL, ephemeral_token: "e" }];
  socket.serve(typing);
  off();
  socket.serve(typing);
  assert.deepEqual(heard, [{ channelId: CHANNEL, ephemeralToken: "e" }]);
  assert.equal(thrown.length, 2);
  assert.throws(thrown[0], /the app's/);
  queue.mock.restore();
  other.relay.close();
});

test("the events of the account reach their listeners", async () => {
  const { relay, open } = scripted();
  const heard = [];
  for (const name of [
    "prekeysLow",
    "memberRemoved",
    "senderKeysUpdated",
    "identityChanged",
    "refused",
  ])
    relay.on(name, (event) => heard.push([name, event]));
  const socket = await open();
  socket.serve(
    ["PrekeysLow", { left: 5, used_last_resort: false }],
    ["MemberRemoved", { channel_id: CHANNEL, user_id: "u" }],
    ["SenderKeysUpdated", { channel_id: CHANNEL }],
    ["IdentityChanged", { user_id: "u" }],
    ["Error", { code: "invalid_frame", message: "channel_id is missing" }],
    // Frames without their members are left out.
    ["MemberRemoved", { channel_id: CHANNEL }],
    ["IdentityChanged", { user_id: 7 }],
  );
  socket.onmessage({ data: "{" });
  socket.onmessage({ data: "null" });
  socket.onmessage({ data: new ArrayBuffer(3) });
  assert.deepEqual(heard, [
    ["prekeysLow", { left: 5, usedLastResort: false }],
    ["memberRemoved", { channelId: CHANNEL, userId: "u" }],
    ["senderKeysUpdated", { channelId: CHANNEL }],
    ["identityChanged", { userId: "u" }],
    ["refused", { code: "invalid_frame", message: "channel_id is missing" }],
  ]);
  relay.typing(CHANNEL);
  assert.deepEqual(socket.sent.at(-1), { type: "Typing", payload: { channel_id: CHANNEL } });
  relay.close();
  relay.typing(CHANNEL);
  assert.equal(socket.of("Typing").length, 1);
});

test("invalid settings are refused", () => {
  const wrong = [
    { origin: "http://api.example" },
    { origin: `${ORIGIN}/api` },
    { bufferSize: 0 },
    { maxQueued: NaN },
    { connectTimeout: -1 },
  ];
  for (const options of wrong)
    assert.throws(
      () => createRelay({ origin: ORIGIN, token: () => TOKEN, WebSocket: class {}, ...options }),
      TypeError,
    );
});
