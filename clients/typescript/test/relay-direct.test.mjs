// Direct messages, which arrive without a subscription.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CHANNEL, DIRECT, OTHER, message, problem, scripted } from "./relay-support.mjs";
import { settle, takeAll } from "./relay-support.mjs";

const NEW = "0b5f9a52-4444-4444-8444-000000000004";
const subscribed = (channel_id, head) => ["Subscribed", { channel_id, head }];
const sent = (channel_id, ...seqs) => seqs.map((seq) => ["NewMessage", message(seq, channel_id)]);
const places = (entries) => entries.map(({ channelId, seq }) => [channelId, seq]);

/** Creates a client of an account with these direct messages. */
const withDirect = (ids, options = {}) => {
  const list = () => Response.json(ids.map((id) => ({ id })));
  return scripted({
    backoff: { first: 1, most: 1 },
    ...options,
    answers: { "GET /dm": list, ...options.answers },
  });
};

test("direct messages arrive, and go on after a lost connection", async () => {
  const ids = [DIRECT, OTHER];
  const { relay, open } = withDirect(ids);
  const feed = relay.directMessages({ since: { [OTHER]: 5 } });
  assert.throws(() => relay.directMessages(), { code: "already_subscribed" });
  const socket = await open();
  assert.deepEqual(socket.of("Subscribe"), [
    { channel_id: DIRECT },
    { channel_id: OTHER, since: 5 },
  ]);
  socket.serve(subscribed(DIRECT, 2), ...sent(OTHER, 6), subscribed(OTHER, 6), ...sent(DIRECT, 3));
  assert.deepEqual(places(await takeAll(feed)), [
    [OTHER, 6],
    [DIRECT, 3],
  ]);
  socket.drop();
  // Opened while the client was away, so the client reads it from its beginning.
  ids.push(NEW);
  await new Promise((resume) => setTimeout(resume, 10));
  const again = await open();
  // A live entry overtakes those of the catch-up.
  again.serve(...sent(DIRECT, 5, 4, 5), subscribed(DIRECT, 5), ...sent(NEW, 1));
  assert.deepEqual(again.of("Subscribe"), [
    { channel_id: DIRECT, since: 3 },
    { channel_id: OTHER, since: 6 },
    { channel_id: NEW, since: 0 },
  ]);
  assert.deepEqual(places(await takeAll(feed)), [
    [DIRECT, 4],
    [DIRECT, 5],
    [NEW, 1],
  ]);
  relay.close();
  assert.equal((await feed.next()).done, true);
});

test("a direct message that is new is found by its first entry", async () => {
  const ids = [];
  const { relay, requests, open } = withDirect(ids);
  const heard = [];
  const off = relay.onMessage((entry) => void heard.push(entry));
  const socket = await open();
  ids.push(NEW);
  socket.serve(...sent(NEW, 1), ...sent(CHANNEL, 8));
  await settle();
  assert.deepEqual(socket.of("Subscribe"), [{ channel_id: NEW, since: 0 }]);
  socket.serve(...sent(NEW, 1, 2), subscribed(NEW, 2));
  await settle();
  assert.deepEqual(places(heard), [
    [NEW, 1],
    [NEW, 2],
  ]);
  // The other channel is none, so its entries stop, and the client does not ask again.
  assert.deepEqual(
    socket.of("Unsubscribe").filter(({ channel_id }) => channel_id === CHANNEL),
    [{ channel_id: CHANNEL }],
  );
  const lists = requests.length;
  socket.serve(...sent(CHANNEL, 9));
  await settle();
  assert.equal(requests.length, lists);
  assert.deepEqual(socket.of("Ack").at(-1), { channel_id: CHANNEL, seq: 9 });
  off();
  socket.serve(...sent(NEW, 3));
  await settle();
  assert.equal(heard.length, 2);
  relay.close();
});

test("entries before the first list are not lost", async () => {
  let answer;
  const list = () => new Promise((resume) => (answer = resume));
  const { relay, open } = scripted({ answers: { "GET /dm": list } });
  const feed = relay.directMessages();
  const socket = await open();
  socket.serve(...sent(DIRECT, 4, 5));
  answer(Response.json([{ id: DIRECT }]));
  await settle();
  assert.deepEqual(socket.of("Subscribe"), [{ channel_id: DIRECT, since: 3 }]);
  socket.serve(...sent(DIRECT, 4, 5), subscribed(DIRECT, 5));
  assert.deepEqual(places(await takeAll(feed)), [
    [DIRECT, 4],
    [DIRECT, 5],
  ]);
  relay.close();
});

test("all pages are listed, and a failed list is repeated", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  t.after(() => mock.timers.reset());
  const ids = Array.from({ length: 130 }, (_, index) => ({ id: `channel-${index}` }));
  let failures = 1;
  const asked = [];
  const list = (_, { after, limit }) => {
    if (failures-- > 0) return problem(500, "internal_error");
    asked.push([after, limit]);
    const start = after === undefined ? 0 : ids.findIndex(({ id }) => id === after) + 1;
    return Response.json(ids.slice(start, start + Number(limit)));
  };
  const { relay, open } = scripted({ answers: { "GET /dm": list } });
  relay.directMessages();
  const socket = await open();
  assert.equal(socket.of("Subscribe").length, 0);
  mock.timers.tick(5000);
  await settle();
  assert.deepEqual(asked, [
    [undefined, "100"],
    ["channel-99", "100"],
  ]);
  assert.equal(socket.of("Subscribe").length, 130);
  relay.close();
});

test("a direct message with its own subscription arrives there", async () => {
  const { relay, open } = withDirect([DIRECT]);
  const feed = relay.directMessages();
  const first = await open();
  first.serve(subscribed(DIRECT, 1), ...sent(DIRECT, 2));
  const own = relay.subscribe(DIRECT, { since: 1 });
  first.serve(...sent(DIRECT, 2, 3), subscribed(DIRECT, 3));
  assert.deepEqual(places(await takeAll(own)), [
    [DIRECT, 2],
    [DIRECT, 3],
  ]);
  assert.deepEqual(places(await takeAll(feed)), [[DIRECT, 2]]);
  // A new connection has one subscription of the channel.
  first.drop();
  await new Promise((resume) => setTimeout(resume, 10));
  const socket = await open();
  assert.deepEqual(socket.of("Subscribe"), [{ channel_id: DIRECT, since: 3 }]);
  await own.return();
  assert.deepEqual(socket.of("Subscribe").at(-1), { channel_id: DIRECT, since: 2 });
  socket.serve(...sent(DIRECT, 3, 4), subscribed(DIRECT, 4));
  assert.deepEqual(places(await takeAll(feed)), [
    [DIRECT, 3],
    [DIRECT, 4],
  ]);
  relay.close();
});

test("a new direct message waits while the buffer is full", async () => {
  const ids = [DIRECT];
  const { relay, open } = withDirect(ids, { bufferSize: 2 });
  const feed = relay.directMessages({ since: { [DIRECT]: 0 } });
  const socket = await open();
  socket.serve(...sent(DIRECT, 1, 2), subscribed(DIRECT, 2));
  ids.push(NEW);
  socket.serve(...sent(NEW, 1));
  await settle();
  const subscriptions = () =>
    socket.of("Subscribe").map(({ channel_id, since }) => [channel_id, since]);
  assert.deepEqual(subscriptions(), [[DIRECT, 0]]);
  await takeAll(feed);
  assert.deepEqual(subscriptions().slice(1), [
    [DIRECT, 2],
    [NEW, 0],
  ]);
  relay.close();
});
