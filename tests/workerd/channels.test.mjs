// The Durable Object of a channel: its alarm, its transactions, and its state across restarts.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";

let api;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

const ACCOUNT = "ada";
const MINUTE = 60_000;
/** How late an alarm may be. */
const GRACE = 4_000;

const message = (id, more = {}) => ({
  id,
  sender_token: "AAAA",
  body: "AAAA",
  expires_at: null,
  has_attachments: false,
  edit_key_hash: null,
  ...more,
});

/** Returns the operations on a new channel with a member. */
const newChannel = async () => {
  const channel = randomUUID();
  const ask = (operation) => api.channel(channel.slice(0, 13), { v: 1, operation });
  await ask({ add_members: { channel, members: [{ account: ACCOUNT, version: 1 }] } });
  return {
    ask,
    append: (...messages) => ask({ append: { channel, account: ACCOUNT, messages } }),
    since: async () =>
      (await ask({ since: { channel, account: ACCOUNT, since: 0, limit: 100 } })).entries,
  };
};

const seqs = ({ appended }) => appended.map(({ stored }) => stored.placed.seq);

test("a batch that fails in the middle leaves nothing", async () => {
  const { append, since } = await newChannel();
  // A row of an object has at most 2 MB.
  const tooLarge = message("second", { body: Buffer.alloc(3_000_000).toString("base64url") });
  await assert.rejects(append(message("first"), tooLarge), /TOOBIG|too big/i);
  assert.deepEqual((await since()).entries, []);
  assert.deepEqual(seqs(await append(message("first"))), [1]);
});

test("a request in a newer form is refused for now", async () => {
  const channel = randomUUID();
  const asked = { v: 2, operation: { is_member: { channel, account: ACCOUNT } } };
  await assert.rejects(api.channel(channel.slice(0, 13), asked), /^Error: 503/);
  const unknown = { v: 1, operation: { fly: { channel } } };
  await assert.rejects(api.channel(channel.slice(0, 13), unknown), /^Error: 503/);
});

test("one id that many requests append at once has one place", async () => {
  const { append } = await newChannel();
  const once = await Promise.all(Array.from({ length: 50 }, () => append(message("one"))));
  assert.ok(once.every((reply) => seqs(reply)[0] === 1));
  const each = Array.from({ length: 50 }, (_, number) => append(message(`message ${number}`)));
  const places = (await Promise.all(each)).flatMap(seqs).sort((a, b) => a - b);
  assert.deepEqual(
    places,
    Array.from({ length: 50 }, (_, number) => number + 2),
  );
});

test("an object keeps its state across a restart, and its alarm removes what expired", async () => {
  // The alarm must not come before the restart is over.
  const left = MINUTE - (Date.now() % MINUTE);
  if (left < 25_000) await new Promise((resume) => setTimeout(resume, left + 100));
  const { append, since } = await newChannel();
  await append(message("kept"));
  const [{ stored }] = (await append(message("one", { expires_at: Date.now() + 5_000 }))).appended;
  // More than the slice that one run of the alarm removes.
  const many = await newChannel();
  const expires_at = Date.now() + 5_000;
  for (let group = 0; group < 12; group += 1) {
    const ids = Array.from({ length: 50 }, (_, number) => `${group}-${number}`);
    await many.append(...ids.map((id) => message(id, { expires_at })));
  }
  await api.reload({});
  assert.deepEqual((await append(message("one"))).appended, [{ stored }]);
  assert.equal((await since()).head, 2);
  // The alarm is at the next full minute. It removes the id too, so the id is free again. The
  // sequence number does not fall.
  const late = Date.now() + MINUTE + GRACE;
  let again;
  do {
    await new Promise((resume) => setTimeout(resume, 1_000));
    again = seqs(await append(message("one")))[0];
  } while (again === stored.placed.seq && Date.now() < late);
  assert.equal(again, 3);
  assert.deepEqual((await since()).gaps, [{ from: 2, to: 2, reason: "expired" }]);
  // The alarm of the other object came at the same minute, and repeats itself at once.
  await new Promise((resume) => setTimeout(resume, GRACE));
  const free = seqs(await many.append(message("0-0"), message("11-49")));
  assert.deepEqual(free, [601, 602]);
});
