// The calls of the Worker to the objects of channels: a second attempt, and the time limit.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";
import { relay } from "./relay.mjs";

/** The time limit of an attempt, in milliseconds. */
const PATIENCE = 4_000;
const LATE = 5_500;

let api;
let channel;
let ada;
before(async () => {
  api = await startApi();
  const { register, server } = relay(api.url);
  ada = await register("ada");
  ({ channel } = await server(ada));
});
after(() => api.stop());

const send = (number) =>
  ada.call("POST", `/channels/${channel}/messages`, {
    sender_token: "AAAA",
    encrypted_body: "AAAA",
    client_id: Buffer.alloc(16, number).toString("base64"),
  });
const seq = async (number) => {
  const { status, body } = await send(number);
  assert.equal(status, 200);
  return body.seq;
};

test("a call whose first answer is lost is repeated, and takes effect once", async () => {
  assert.equal(await seq(1), 1);
  const before = api.stats.calls;
  for (const [mode, number] of [
    ["before", 2],
    ["after", 3],
  ]) {
    api.planObjects([{ at: 0, mode, times: 1 }]);
    assert.equal(await seq(number), number);
  }
  assert.equal(api.stats.calls, before + 2);
  assert.equal(await seq(4), 4);
});

test("a call to an object that hangs is repeated after the time limit", async () => {
  api.planObjects([{ at: 0, mode: "hang", milliseconds: LATE, times: 1 }]);
  const started = Date.now();
  assert.equal(await seq(5), 5);
  assert.ok(Date.now() - started >= PATIENCE);
});

test("an object that hangs twice is answered with 503, and a retry gets one place", async () => {
  api.planObjects([{ at: 0, mode: "hang", milliseconds: LATE }]);
  const { status, body } = await send(6);
  assert.equal(status, 503);
  assert.equal(body.code, "service_unavailable");
  api.planObjects([]);
  // The requests that were late take effect by now. They name the same message.
  await new Promise((resume) => setTimeout(resume, LATE));
  assert.equal(await seq(6), 6);
  assert.equal(await seq(7), 7);
});

test("a message has one place and one answer also after a restart", async () => {
  const sent = await Promise.all(Array.from({ length: 50 }, (_, index) => send(100 + index)));
  const numbers = sent.map(({ body }) => body.seq).sort((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Array.from({ length: 50 }, (_, index) => index + 8),
  );
  // The restart cuts requests that have begun. Their messages may be stored or not.
  const cut = Array.from({ length: 50 }, (_, index) => send(200 + index).catch(() => undefined));
  await api.reload({});
  const early = await Promise.all(cut);
  for (const [index, { body }] of sent.entries())
    assert.deepEqual((await send(100 + index)).body, body);
  const after = await Promise.all(early.map((_, index) => send(200 + index)));
  for (const [index, answer] of early.entries())
    if (answer?.status === 200) assert.deepEqual(after[index].body, answer.body);
  assert.equal(new Set(after.map(({ body }) => body.seq)).size, 50);
});
