// Clients that exchange messages over a relay in memory, also while its connections break.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRelay, load, register } from "./relay-support.mjs";
import { MemoryRelay } from "./relay-server.mjs";

const origin = "https://api.example";

test("two people exchange sealed messages, and the relay reads none", async () => {
  const { exchange } = await load("../examples/sealed-chat.ts");
  const server = new MemoryRelay();
  const { fetch, WebSocket } = server;
  const lines = [];
  const texts = await exchange({ origin, fetch, WebSocket, log: (line) => lines.push(line) });
  assert.deepEqual(texts, ["Hello Bob, this is Ada.", "Hello Ada, I can read you."]);
  assert.deepEqual(lines, [
    "bob reads: Hello Bob, this is Ada.",
    "ada reads: Hello Ada, I can read you.",
  ]);
  const bodies = server.stored.map((body) => Buffer.from(body, "base64"));
  assert.equal(bodies.length, 2);
  assert.equal(bodies[0].length, bodies[1].length, "the length says nothing about the text");
  for (const body of bodies) assert.ok(!body.includes("Hello"));
});

test("a message of another account or another channel is not opened", async () => {
  const { hooksFor, makeKeys, memberOf, uploadOf } = await load("../examples/sealed-chat.ts");
  const bundleOf = (keys) => {
    const { signed_prekey_signature: signed_prekey_sig, ...rest } = uploadOf(keys);
    return { ...rest, signed_prekey_sig };
  };
  const [ada, bob, eve] = [await makeKeys(), await makeKeys(), await makeKeys()];
  const members = [memberOf("ada", bundleOf(ada)), memberOf("bob", bundleOf(bob))];
  const sealed = await hooksFor(ada, members).seal({ text: "hi" }, { channelId: "c" });
  const { open } = hooksFor(bob, members);
  assert.deepEqual(await open(sealed, { channel_id: "c" }), { text: "hi", from: "ada" });
  await assert.rejects(open(sealed, { channel_id: "d" }), /No member/);
  const forged = await hooksFor(eve, members).seal({ text: "hi" }, { channelId: "c" });
  await assert.rejects(open(forged, { channel_id: "c" }), /No member/);
  const wrong = { ...bundleOf(bob), signed_prekey: bundleOf(eve).signed_prekey };
  assert.throws(() => memberOf("bob", wrong), /did not sign/);
});

/** Returns pseudo-random numbers from 0 to 1 (mulberry32). */
const randomOf = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
  return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
};

const MESSAGES = 60;
for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`each message arrives once and in order over broken connections (${seed})`, async (t) => {
    const random = randomOf(seed);
    let frames = 0;
    // The twentieth frame always breaks its connection.
    const server = new MemoryRelay({ breaks: () => (frames += 1) === 20 || random() < 0.02 });
    const { fetch, WebSocket } = server;
    const join = async (username) => {
      const { access_token, user } = await register({ username }, { origin, fetch });
      const backoff = { first: 1, most: 1 };
      const options = { origin, fetch, WebSocket, backoff, token: () => access_token };
      return { id: user.id, relay: createRelay({ ...options, bufferSize: 8 }) };
    };
    const [ada, bob] = [await join("ada"), await join("bob")];
    t.after(() => [ada, bob].forEach(({ relay }) => relay.close()));
    const channel = server.channel([ada.id, bob.id]);
    const own = ada.relay.subscribe(channel.id, { since: 0 });
    const direct = bob.relay.directMessages({ since: { [channel.id]: 0 } });
    void ada.relay.connect();
    void bob.relay.connect();
    const sent = [];
    for (let index = 0; index < MESSAGES; index += 1) {
      sent.push(ada.relay.send(channel.id, { body: btoa(`message ${index}`) }));
      await new Promise((resume) => setImmediate(resume));
    }
    const readAll = async (feed) => {
      const seen = [];
      for await (const { kind, seq, message } of feed) {
        seen.push(`${kind} ${seq} ${atob(message?.encrypted_body ?? "")}`);
        if (seq === MESSAGES) break;
      }
      return seen;
    };
    const expected = Array.from(
      { length: MESSAGES },
      (_, index) => `message ${index + 1} message ${index}`,
    );
    assert.deepEqual(await Promise.all([readAll(own), readAll(direct)]), [expected, expected]);
    const places = (await Promise.all(sent)).map(({ seq }) => seq);
    assert.deepEqual(
      places,
      Array.from({ length: MESSAGES }, (_, index) => index + 1),
    );
    assert.ok(server.connections > 2, "no connection broke");
  });
}
