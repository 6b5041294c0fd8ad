// Reading a channel: order, gaps, repeated entries, and the end of a subscription.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { BACKOFF, CHANNEL, OTHER, failure, message, pause, problem } from "./relay-support.mjs";
import { scripted, seqs, settle, subscribed, takeAll, withTimers } from "./relay-support.mjs";

const gap = (from, to, reason = "expired") => ["Gap", { channel_id: CHANNEL, from, to, reason }];

test("messages, edits, removals and gaps arrive in order", async () => {
  const { relay, open } = scripted();
  const feed = relay.subscribe(CHANNEL, { since: 2 });
  const socket = await open();
  assert.deepEqual(socket.of("Subscribe"), [{ channel_id: CHANNEL, since: 2 }]);
  const edited = { ...message(3), edited: true };
  const place = { channel_id: CHANNEL, message_id: "m" };
  socket.messages(3);
  socket.serve(["MessageEdited", { ...place, seq: 4, message: edited }]);
  socket.serve(["MessageDeleted", { ...place, seq: 5 }], gap(6, 8), subscribed(8));
  socket.messages(9);
  const entries = await takeAll(feed);
  assert.deepEqual(entries, [
    { kind: "message", channelId: CHANNEL, seq: 3, message: message(3) },
    { kind: "edit", channelId: CHANNEL, seq: 4, messageId: "m", message: edited },
    { kind: "removal", channelId: CHANNEL, seq: 5, messageId: "m" },
    { kind: "gap", channelId: CHANNEL, seq: 8, from: 6, to: 8, reason: "expired" },
    { kind: "message", channelId: CHANNEL, seq: 9, message: message(9) },
  ]);
  relay.close();
});

test("an entry that arrives twice is delivered once", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL);
  assert.deepEqual(socket.of("Subscribe"), [{ channel_id: CHANNEL }]);
  socket.serve(subscribed(4));
  socket.messages(5, 5, 6, 5, 6, 7);
  socket.serve(gap(6, 9), gap(8, 9));
  const entries = await takeAll(feed);
  assert.deepEqual(seqs(entries), [5, 6, 7, 9]);
  assert.deepEqual([entries[3].from, entries[3].to], [8, 9]);
  relay.close();
});

test("an entry after a missing one waits until the relay sent that one", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL);
  socket.serve(subscribed(1));
  socket.messages(2, 5, 4);
  assert.deepEqual(seqs(await takeAll(feed)), [2]);
  // The relay keeps the place of a subscription, so the old one is ended first.
  assert.deepEqual(
    socket.sent.slice(-2).map(({ type, payload }) => [type, payload.since]),
    [
      ["Unsubscribe", undefined],
      ["Subscribe", 2],
    ],
  );
  assert.equal(socket.of("Subscribe").length, 2, "one catch-up at a time");
  socket.messages(3, 4, 5, 6);
  socket.serve(subscribed(6));
  assert.deepEqual(seqs(await takeAll(feed)), [3, 4, 5, 6]);
  assert.equal(socket.of("Subscribe").length, 2);
  relay.close();
});

test("numbers that the relay skips are reported as a gap of unknown reason", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(1, 4);
  socket.serve(subscribed(6));
  const entries = await takeAll(feed);
  assert.deepEqual(
    entries.map(({ kind, seq, from, reason }) => [kind, from ?? seq, seq, reason]),
    [
      ["message", 1, 1, undefined],
      ["gap", 2, 3, "unknown"],
      ["message", 4, 4, undefined],
      ["gap", 5, 6, "unknown"],
    ],
  );
  relay.close();
});

test("an entry after the end of a catch-up waits for those before it", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(1, 2, 3, 5);
  socket.serve(subscribed(3));
  assert.deepEqual(seqs(await takeAll(feed)), [1, 2, 3]);
  assert.deepEqual(socket.of("Subscribe").at(-1), { channel_id: CHANNEL, since: 3 });
  socket.messages(4);
  assert.deepEqual(seqs(await takeAll(feed)), [4, 5]);
  relay.close();
});

test("a new connection goes on after the last number of each channel", async () => {
  const { relay, open } = scripted({ backoff: BACKOFF });
  const socket = await open();
  const feed = relay.subscribe(CHANNEL);
  const other = relay.subscribe(OTHER, { since: 40 });
  socket.serve(subscribed(1), subscribed(40, OTHER));
  socket.messages(2, 3, 4);
  // The consumer has one of them, and the others are in its buffer.
  assert.equal((await feed.next()).value.seq, 2);
  socket.drop();
  await pause();
  const again = await open();
  assert.deepEqual(again.of("Subscribe"), [
    { channel_id: CHANNEL, since: 4 },
    { channel_id: OTHER, since: 40 },
  ]);
  // The relay may resume by itself and repeat entries, before and between those asked for.
  again.messages(3, 4, 6, 5, 6);
  again.serve(subscribed(6));
  assert.deepEqual(seqs(await takeAll(feed)), [3, 4, 5, 6]);
  await other.return();
  assert.deepEqual(again.of("Unsubscribe").at(-1), { channel_id: OTHER });
  again.drop();
  await pause();
  const third = await open();
  assert.deepEqual(third.of("Subscribe"), [{ channel_id: CHANNEL, since: 6 }]);
  relay.close();
});

test("the iterator ends with the client, after the entries that it has", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  const other = relay.subscribe(OTHER);
  const waiting = other.next();
  socket.messages(1, 2);
  relay.close();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  const entries = [];
  for await (const entry of feed) entries.push(entry);
  assert.deepEqual(seqs(entries), [1, 2]);
});

test("the end of a loop ends the subscription, and a later one begins again", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  assert.throws(() => relay.subscribe(CHANNEL), { code: "already_subscribed" });
  socket.messages(1, 2);
  for await (const { seq } of feed) if (seq === 1) break;
  assert.deepEqual(socket.sent.at(-1), { type: "Unsubscribe", payload: { channel_id: CHANNEL } });
  assert.deepEqual(await feed.next(), { done: true, value: undefined });
  // Entries on their way are confirmed, because they would fill the window of the socket.
  socket.messages(3);
  assert.deepEqual(socket.sent.at(-1), { type: "Ack", payload: { channel_id: CHANNEL, seq: 3 } });
  const again = relay.subscribe(CHANNEL, { since: 1 });
  socket.messages(2, 3);
  assert.deepEqual(seqs(await takeAll(again)), [2, 3]);
  const waiting = again.next();
  await again.return();
  assert.equal((await waiting).done, true);
  relay.close();
});

test("onEntry takes one entry after the other, and onEnd gets the reason", async () => {
  const { relay, open } = scripted();
  const socket = await open();
  const seen = [];
  let resume;
  const ends = [];
  relay.subscribe(CHANNEL, {
    since: 0,
    onEntry: async ({ seq }) => {
      seen.push(seq);
      if (seq === 1) await new Promise((go) => (resume = go));
    },
    onEnd: (error) => ends.push(error?.code),
  });
  relay.subscribe(OTHER, {
    onEntry: () => {
      throw new Error("the app's");
    },
    onEnd: ({ message }) => ends.push(message),
  });
  socket.messages(1, 2);
  socket.serve(["NewMessage", message(1, OTHER)]);
  await settle();
  assert.deepEqual(seen, [1]);
  assert.deepEqual(ends, ["the app's"]);
  assert.deepEqual(socket.of("Unsubscribe").at(-1), { channel_id: OTHER });
  resume();
  await settle();
  assert.deepEqual(seen, [1, 2]);
  socket.drop(1008);
  await settle();
  assert.deepEqual(ends, ["the app's", "session_ended"]);
});

test("open gets the bodies in order, and its error is part of the entry", async () => {
  const opened = [];
  const open_ = async (body, { seq }) => {
    opened.push(seq);
    await settle();
    if (seq === 2) throw new Error("no key");
    return Buffer.from(body).toString();
  };
  const { relay, open } = scripted({ open: open_ });
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(1, 2);
  socket.serve(gap(3, 3));
  const entries = await Promise.all([feed.next(), feed.next(), feed.next()]);
  assert.deepEqual(
    entries.map(({ value: { seq, content, openError } }) => [seq, content, openError?.message]),
    [
      [1, "body 1", undefined],
      [2, undefined, "no key"],
      [3, undefined, undefined],
    ],
  );
  assert.deepEqual(opened, [1, 2]);
  relay.close();
});

test("a refused subscription ends with the answer of REST", async (t) => {
  withTimers(t);
  const answers = {
    [`GET /channels/${CHANNEL}/messages`]: () => problem(404, "channel_not_found"),
    [`GET /channels/${OTHER}/messages`]: () => Response.json({ messages: [] }),
  };
  const { relay, requests, open } = scripted({ answers });
  const socket = await open();
  const feed = relay.subscribe(CHANNEL);
  const other = relay.subscribe(OTHER, { since: 3 });
  socket.serve(["Error", { code: "channel_not_found", message: "m" }]);
  socket.serve(["Error", { code: "unavailable", message: "m" }]);
  assert.equal(socket.of("Subscribe").length, 2);
  mock.timers.tick(1000);
  await settle();
  assert.equal((await failure(feed.next())).code, "channel_not_found");
  assert.equal(requests.filter(({ route }) => route.includes("/messages")).length, 2);
  assert.deepEqual(socket.of("Subscribe").slice(2), [{ channel_id: OTHER, since: 3 }]);
  socket.serve(subscribed(3, OTHER));
  socket.serve(["NewMessage", message(4, OTHER)]);
  assert.deepEqual(seqs(await takeAll(other)), [4]);
  // With every subscription answered, an error is about another frame.
  socket.serve(["Error", { code: "too_many_attempts", message: "m" }]);
  mock.timers.tick(60_000);
  assert.equal(requests.filter(({ route }) => route.includes("/messages")).length, 2);
  relay.close();
});
