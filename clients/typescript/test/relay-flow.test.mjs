// The flow of entries: acknowledgements, full buffers, and consumers that stop.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { BACKOFF, CHANNEL, pause, scripted, seqs, subscribed } from "./relay-support.mjs";
import { takeAll, withTimers } from "./relay-support.mjs";

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test("entries are acknowledged when the consumer is done with 16, or after a second", async (t) => {
  withTimers(t);
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(...range(1, 40));
  await takeAll(feed, 16);
  assert.deepEqual(socket.of("Ack"), [], "the consumer still has the last one");
  await takeAll(feed, 1);
  assert.deepEqual(socket.of("Ack"), [{ channel_id: CHANNEL, seq: 16 }]);
  await takeAll(feed, 3);
  mock.timers.tick(999);
  assert.equal(socket.of("Ack").length, 1);
  mock.timers.tick(1);
  assert.deepEqual(socket.of("Ack").at(-1), { channel_id: CHANNEL, seq: 19 });
  mock.timers.tick(9000);
  assert.equal(socket.of("Ack").length, 2, "nothing new was acknowledged");
  await takeAll(feed);
  mock.timers.tick(1000);
  assert.deepEqual(
    socket.of("Ack").map(({ seq }) => seq),
    [16, 19, 35, 40],
  );
  relay.close();
});

test("a repeated entry of a consumer that is done is acknowledged again", async (t) => {
  withTimers(t);
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(1, 2);
  await takeAll(feed);
  mock.timers.tick(1000);
  socket.messages(1, 2);
  mock.timers.tick(1000);
  assert.deepEqual(
    socket.of("Ack").map(({ seq }) => seq),
    [2, 2],
  );
  relay.close();
});

test("entries that were read without a connection are acknowledged later", async () => {
  const { relay, open } = scripted({ backoff: BACKOFF });
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(...range(1, 20));
  socket.drop();
  await takeAll(feed);
  await pause();
  const again = await open();
  assert.deepEqual(socket.of("Ack"), []);
  assert.deepEqual(again.of("Ack"), [{ channel_id: CHANNEL, seq: 20 }]);
  relay.close();
});

test("a full buffer gives its place up, and loses nothing", async () => {
  const { relay, open } = scripted({ bufferSize: 4 });
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(1, 2, 3);
  // During the catch-up the client waits for its end.
  socket.messages(4, 5, 6);
  assert.equal(socket.of("Unsubscribe").length, 1);
  socket.serve(subscribed(6));
  assert.equal(socket.of("Unsubscribe").length, 2);
  socket.messages(7);
  assert.deepEqual(seqs(await takeAll(feed, 1)), [1]);
  assert.equal(socket.of("Subscribe").length, 1, "the buffer is more than half full");
  assert.deepEqual(seqs(await takeAll(feed, 1)), [2]);
  assert.deepEqual(socket.of("Subscribe").at(-1), { channel_id: CHANNEL, since: 4 });
  socket.messages(5, 6);
  assert.equal(socket.of("Unsubscribe").length, 3, "one for the new place");
  socket.messages(7);
  socket.serve(subscribed(7));
  // The buffer was full once more.
  const entries = await takeAll(feed, 4);
  assert.deepEqual(seqs(entries), [3, 4, 5, 6]);
  assert.deepEqual(socket.of("Subscribe").at(-1), { channel_id: CHANNEL, since: 6 });
  socket.messages(7);
  socket.serve(subscribed(7));
  socket.messages(8);
  assert.deepEqual(seqs(await takeAll(feed)), [7, 8]);
  relay.close();
});

test("entries that were discarded during a catch-up are asked for again", async () => {
  const { relay, open } = scripted({ bufferSize: 2 });
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(1, 2, 3);
  assert.deepEqual(seqs(await takeAll(feed)), [1, 2]);
  socket.messages(4);
  socket.serve(subscribed(4));
  assert.deepEqual(socket.of("Subscribe").at(-1), { channel_id: CHANNEL, since: 2 });
  socket.messages(3, 4);
  socket.serve(subscribed(4));
  const entries = await takeAll(feed);
  assert.deepEqual(
    entries.map(({ kind, seq }) => [kind, seq]),
    [
      ["message", 3],
      ["message", 4],
    ],
  );
  relay.close();
});

test("a connection that is lost with a full buffer is subscribed when there is room", async () => {
  const { relay, open } = scripted({ bufferSize: 2, backoff: BACKOFF });
  const socket = await open();
  const feed = relay.subscribe(CHANNEL, { since: 0 });
  socket.messages(1, 2, 3);
  socket.drop();
  await pause();
  const again = await open();
  assert.equal(again.of("Subscribe").length, 0);
  assert.deepEqual(seqs(await takeAll(feed, 1)), [1]);
  assert.deepEqual(again.of("Subscribe"), [{ channel_id: CHANNEL, since: 2 }]);
  relay.close();
});

test("a consumer that takes nothing for 10 seconds gives its place up", async (t) => {
  withTimers(t);
  const { relay, open } = scripted();
  const socket = await open();
  const feed = relay.subscribe(CHANNEL);
  socket.serve(subscribed(0));
  socket.messages(1, 2);
  mock.timers.tick(9999);
  assert.equal(socket.of("Unsubscribe").length, 0);
  await takeAll(feed, 1);
  mock.timers.tick(9999);
  assert.equal(socket.of("Unsubscribe").length, 0, "it took an entry");
  mock.timers.tick(1);
  assert.equal(socket.of("Unsubscribe").length, 1);
  assert.deepEqual(seqs(await takeAll(feed)), [2]);
  assert.deepEqual(socket.of("Subscribe").at(-1), { channel_id: CHANNEL, since: 2 });
  // A consumer that waits for entries is not behind.
  socket.serve(subscribed(2));
  const before = socket.of("Unsubscribe").length;
  mock.timers.tick(20_000);
  assert.equal(socket.of("Unsubscribe").length, before);
  relay.close();
});
