// Sending over the relay's socket: acknowledgements, the queue, and repeated messages.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CHANNEL, OTHER, failure, scripted, settle, withTimers } from "./relay-support.mjs";

const CLIENT_ID = Buffer.alloc(16, 7).toString("base64");
const body = (text) => Buffer.from(text).toString("base64");
const bodies = (payloads) =>
  payloads.map(({ encrypted_body }) => Buffer.from(encrypted_body, "base64").toString());
const tick = async (milliseconds) => {
  mock.timers.tick(milliseconds);
  await settle();
};

test("a message has its members and resolves at its own acknowledgement", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const first = relay.send(CHANNEL, {
    body: new Uint8Array([1, 2, 3]),
    senderToken: new Uint8Array(16).fill(255),
    expiresAt: new Date("2027-01-01T00:00:00Z"),
    attachmentIds: ["a"],
    hasAttachments: true,
    editKeyHash: new Uint8Array(32),
    clientId: CLIENT_ID,
  });
  const second = relay.send(CHANNEL, { body: "BBBB" });
  const third = relay.send(OTHER, { body: "CCCC" });
  await settle();
  const sent = socket.of("SendMessage");
  const { ref, ...members } = sent[0];
  assert.equal(typeof ref, "string");
  assert.deepEqual(members, {
    channel_id: CHANNEL,
    sender_token: "/////////////////////w==",
    encrypted_body: "AQID",
    expires_at: "2027-01-01T00:00:00.000Z",
    attachment_ids: ["a"],
    has_attachments: true,
    edit_key_hash: `${"A".repeat(43)}=`,
    client_id: CLIENT_ID,
  });
  assert.deepEqual(Object.keys(sent[1]).sort(), [
    "channel_id",
    "client_id",
    "encrypted_body",
    "ref",
    "sender_token",
  ]);
  assert.equal(Buffer.from(sent[1].client_id, "base64").length, 16);
  assert.notEqual(sent[1].client_id, sent[2].client_id);
  assert.equal(relay.queued, 3);
  // An acknowledgement belongs to the message of its ref, whatever its place.
  socket.ack(sent[2], 9);
  socket.ack({ ref: "foreign" }, 1);
  socket.ack(sent[0], 4);
  socket.ack(sent[1], 5);
  assert.deepEqual(await first, { messageId: "id-4", seq: 4, clientId: CLIENT_ID });
  assert.deepEqual(await second, { messageId: "id-5", seq: 5, clientId: sent[1].client_id });
  assert.deepEqual(await third, { messageId: "id-9", seq: 9, clientId: sent[2].client_id });
  assert.equal(relay.queued, 0);
  relay.close();
});

test("messages wait without a connection and are sent once, in their order", async () => {
  const { relay, open } = scripted({ backoff: { first: 1, most: 1 } });
  const texts = ["one", "two", "three", "four"];
  const results = texts.map((text) => relay.send(CHANNEL, { body: body(text) }));
  const socket = await open();
  const sent = socket.of("SendMessage");
  assert.deepEqual(bodies(sent), texts);
  socket.ack(sent[0], 1);
  socket.drop();
  results.push(relay.send(CHANNEL, { body: body("five") }));
  await new Promise((resume) => setTimeout(resume, 10));
  const again = await open();
  const repeated = again.of("SendMessage");
  assert.deepEqual(bodies(repeated), ["two", "three", "four", "five"]);
  // The same bytes under the same id, so the relay stores them once.
  assert.deepEqual(repeated.slice(0, 3), sent.slice(1));
  repeated.forEach((payload, index) => again.ack(payload, index + 2));
  assert.deepEqual(
    (await Promise.all(results)).map(({ seq }) => seq),
    [1, 2, 3, 4, 5],
  );
  // A late acknowledgement of the first connection changes nothing.
  again.ack(sent[1], 99);
  relay.close();
});

test("a full queue refuses a message", async () => {
  const { relay, open } = scripted({ maxQueued: 2 });
  const sent = [1, 2].map(() => relay.send(CHANNEL, { body: "AAAA" }));
  assert.equal((await failure(relay.send(CHANNEL, { body: "AAAA" }))).code, "queue_full");
  const socket = await open();
  socket.of("SendMessage").forEach((payload, index) => socket.ack(payload, index));
  await Promise.all(sent);
  const after = relay.send(CHANNEL, { body: "AAAA" });
  await settle();
  socket.ack(socket.of("SendMessage").at(-1), 3);
  assert.equal((await after).seq, 3);
  relay.close();
});

test("an error with the ref rejects its message only", async () => {
  const { relay, open } = scripted();
  const refused = [];
  relay.on("refused", (event) => refused.push(event));
  const socket = await open();
  const codes = ["message_conflict", "channel_not_found", "message_expired", "too_many_attempts"];
  const results = codes.map(() => relay.send(CHANNEL, { body: "AAAA" }));
  const last = relay.send(CHANNEL, { body: "AAAA" });
  await settle();
  const sent = socket.of("SendMessage");
  for (const [index, code] of codes.entries())
    socket.serve(["Error", { code, message: `About ${code}.`, ref: sent[index].ref }]);
  socket.ack(sent.at(-1), 1);
  for (const [index, code] of codes.entries()) {
    const error = await failure(results[index]);
    assert.deepEqual(
      [error.code, error.message, error.status, error.name],
      [code, `About ${code}.`, 0, "HamrahApiError"],
    );
  }
  assert.equal((await last).seq, 1);
  assert.deepEqual(refused, []);
  relay.close();
});

test("unavailable and busy repeat the message later, and its channel waits", async (t) => {
  withTimers(t);
  const { relay, open } = scripted();
  const socket = await open();
  const first = relay.send(CHANNEL, { body: body("first") });
  await settle();
  const [payload] = socket.of("SendMessage");
  const pauses = [500, 1000, 2000];
  for (const [index, code] of ["unavailable", "busy", "unavailable"].entries()) {
    socket.serve(["Error", { code, message: "m", ref: payload.ref }]);
    if (index === 0) {
      void relay.send(CHANNEL, { body: body("second") });
      void relay.send(OTHER, { body: body("other") });
      await settle();
      assert.deepEqual(bodies(socket.of("SendMessage")), ["first", "other"]);
    }
    const before = socket.of("SendMessage").length;
    await tick(pauses[index] - 1);
    assert.equal(socket.of("SendMessage").length, before);
    await tick(1);
    // With the second message behind it, which leaves with the first repetition.
    assert.equal(socket.of("SendMessage").length, before + (index === 0 ? 2 : 1));
  }
  const sent = socket.of("SendMessage");
  assert.deepEqual(bodies(sent), ["first", "other", "first", "second", "first", "first"]);
  for (const repeated of [sent[2], sent[4], sent[5]]) assert.deepEqual(repeated, payload);
  socket.ack(payload, 1);
  assert.equal((await first).seq, 1);
  relay.close();
});

test("a lost connection ends the pause of a repeated message", async (t) => {
  withTimers(t);
  const { relay, open } = scripted();
  const socket = await open();
  void relay.send(CHANNEL, { body: body("one") });
  void relay.send(CHANNEL, { body: body("two") });
  await settle();
  socket.serve(["Error", { code: "busy", message: "m", ref: socket.of("SendMessage")[0].ref }]);
  socket.drop();
  await tick(500);
  const again = await open();
  assert.deepEqual(bodies(again.of("SendMessage")), ["one", "two"]);
  await tick(60_000 / 4);
  assert.equal(again.of("SendMessage").length, 2, "the timer of the first connection sent again");
  relay.close();
});

test("at most 64 messages are under way", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  for (let index = 0; index < 70; index += 1) void relay.send(CHANNEL, { body: "AAAA" });
  await settle();
  assert.equal(socket.of("SendMessage").length, 64);
  socket.ack(socket.of("SendMessage")[0], 1);
  assert.equal(socket.of("SendMessage").length, 65);
  relay.close();
});

test("a message that the relay would refuse as a frame is not sent", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const wrong = [
    { body: new Uint8Array(64 * 1024 + 1) },
    { body: "" },
    { body: "not base64" },
    { senderToken: new Uint8Array(65) },
    { senderToken: "" },
    { clientId: new Uint8Array(15) },
    { editKeyHash: new Uint8Array(33) },
    { expiresAt: "tomorrow" },
    { expiresAt: new Date(NaN) },
    { body: new Uint8Array(64 * 1024), attachmentIds: Array(100).fill(CHANNEL) },
  ];
  for (const parts of wrong) {
    const error = await failure(relay.send(CHANNEL, { body: "AAAA", ...parts }));
    assert.equal(error.code, "invalid_request", Object.keys(parts)[0]);
  }
  assert.equal((await failure(relay.send("general", { body: "AAAA" }))).code, "invalid_request");
  assert.equal(relay.queued, 0);
  void relay.send(CHANNEL, { body: new Uint8Array(64 * 1024), senderToken: new Uint8Array(64) });
  await settle();
  assert.equal(socket.of("SendMessage").length, 1);
  assert.ok(JSON.stringify(socket.sent.at(-1)).length < 90 * 1024);
  relay.close();
});

test("a signal rejects a message before and after it was sent", async () => {
  const { relay, open } = scripted();
  const [waiting, late] = [new AbortController(), new AbortController()];
  const first = relay.send(CHANNEL, { body: "AAAA", signal: waiting.signal });
  const aborted = AbortSignal.abort(new Error("never"));
  await assert.rejects(relay.send(CHANNEL, { body: "AAAA", signal: aborted }), /never/);
  waiting.abort(new Error("too slow"));
  await assert.rejects(first, /too slow/);
  const socket = await open();
  assert.equal(socket.of("SendMessage").length, 0);
  const second = relay.send(CHANNEL, { body: "AAAA", signal: late.signal });
  await settle();
  late.abort(new Error("later"));
  await assert.rejects(second, /later/);
  // Answers to a message that the app gave up concern nothing else.
  const refused = [];
  relay.on("refused", (event) => refused.push(event));
  socket.serve(["Error", { code: "busy", message: "m", ref: socket.of("SendMessage")[0].ref }]);
  assert.deepEqual(refused, []);
  socket.ack(socket.of("SendMessage")[0], 1);
  assert.equal(relay.queued, 0);
  relay.close();
});

test("seal is called for one message after the other, and keeps their order", async () => {
  const calls = [];
  let finish;
  const seal = async (content, context) => {
    calls.push([content, context]);
    if (content === "slow") await new Promise((resume) => (finish = resume));
    if (content === "broken") throw new Error("no key");
    return Buffer.from(content.toUpperCase());
  };
  const { relay, open } = scripted({ seal });
  const socket = await open();
  const slow = relay.send(CHANNEL, { content: "slow" });
  const broken = relay.send(CHANNEL, { content: "broken" });
  void relay.send(CHANNEL, { content: "fast" });
  void relay.send(CHANNEL, { body: body("sealed before") });
  void relay.send(OTHER, { body: body("other") });
  await settle();
  assert.deepEqual(calls, [["slow", { channelId: CHANNEL }]]);
  assert.deepEqual(bodies(socket.of("SendMessage")), ["other"]);
  finish();
  await assert.rejects(broken, /no key/);
  await settle();
  assert.deepEqual(bodies(socket.of("SendMessage")), ["other", "SLOW", "FAST", "sealed before"]);
  socket.ack(socket.of("SendMessage")[1], 1);
  assert.equal((await slow).seq, 1);
  relay.close();
  const { relay: without } = scripted();
  await assert.rejects(without.send(CHANNEL, { content: "x" }), TypeError);
});

test("a signal and the end of the client do not wait for seal", async () => {
  const { relay } = scripted({ seal: () => new Promise(() => {}) });
  const slow = new AbortController();
  const first = relay.send(CHANNEL, { content: "x", signal: slow.signal });
  const second = relay.send(CHANNEL, { content: "y" });
  slow.abort(new Error("too slow"));
  await assert.rejects(first, /too slow/);
  void relay.connect();
  relay.close();
  assert.equal((await failure(second)).code, "closed");
});

test("an app that ignores its promises does not end by them", async (t) => {
  const unhandled = [];
  const listener = (reason) => unhandled.push(reason);
  process.on("unhandledRejection", listener);
  t.after(() => process.off("unhandledRejection", listener));
  const { relay, open } = scripted({ seal: () => Promise.reject(new Error("no key")) });
  const socket = await open();
  relay.send(CHANNEL, { body: "AAAA" });
  relay.send(CHANNEL, { content: "x" });
  relay.subscribe(CHANNEL, { onEntry: () => Promise.reject(new Error("the app's")) });
  socket.messages(1);
  relay.send(CHANNEL, { body: "AAAA" });
  await settle();
  socket.drop(1008);
  relay.connect();
  relay.close();
  relay.send(CHANNEL, { body: "AAAA" });
  await settle();
  await new Promise((resume) => setTimeout(resume, 5));
  assert.deepEqual(unhandled, []);
});
