// The Worker delivers webhooks, which npm's `standardwebhooks` verifies. No message is lost,
// whatever the receiver does.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";
import { ENDLESS, freshSecret, HANG, HANG_UP, startReceiver } from "./receiver.mjs";

const OLD = freshSecret();
const NEW = freshSecret();
/** The shortest delay after each failed try, in seconds. */
const DELAYS = [30, 120, 600, 3_600, 21_600, 86_400, 86_400, 86_400];
let receiver;
let api;
before(async () => {
  receiver = await startReceiver();
  api = await startApi({ vars: { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: OLD } });
});
after(async () => {
  await api.stop();
  receiver.stop();
});

let people = 0;
/** Creates an account, which causes one event. */
const happen = async () => {
  people += 1;
  const person = {
    provider: "google",
    provider_id: `w-${people}`,
    email: `w${people}@example.com`,
    name: "Zoë 🦊",
    platform: "web",
  };
  const answer = await fetch(`${api.url}/api/internal/users`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-internal-service": "hamrah-app",
      "x-internal-key": api.settings.INTERNAL_API_KEY,
    },
    body: JSON.stringify(person),
  });
  assert.equal(answer.status, 200);
  return person;
};

const waiting = () => api.sql("SELECT tries, next_at FROM outbox");

test("a message verifies only with its secret, unchanged and in time", async () => {
  const person = await happen();
  await api.cron();
  const message = receiver.messages.at(-1);
  assert.equal(message.path, "/hook?from=hamrah");
  const told = receiver.verify(message, OLD);
  assert.equal(told.type, "user_created");
  assert.deepEqual(
    [told.data.user.email, told.data.user.name, told.data.user.email_verified],
    [person.email, person.name, true],
  );
  assert.equal(told.data.event_id, message.headers["webhook-id"]);
  assert.ok(Math.abs(Date.parse(told.timestamp) - Date.now()) < 60_000);
  const { body, headers } = message;
  for (const [changed, secret] of [
    [message, NEW],
    [{ body: body.replace("Zoë", "Zoe"), headers }, OLD],
    [{ body, headers: { ...headers, "webhook-id": "another" } }, OLD],
    [
      {
        body,
        headers: {
          ...headers,
          "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 3_600),
        },
      },
      OLD,
    ],
  ]) {
    assert.throws(() => receiver.verify(changed, secret));
  }
  assert.deepEqual(await waiting(), []);
});

test(
  "a message to a receiver that fails, hangs, redirects or hangs up is retried with growing delays",
  { timeout: 120_000 },
  async () => {
    await happen();
    const first = receiver.messages.length;
    const reactions = [500, HANG, 302, 410, HANG_UP, 429, 404, 307];
    receiver.react(...reactions);
    for (const [index, delay] of DELAYS.entries()) {
      const start = Date.now();
      await api.cron();
      assert.ok(Date.now() - start < 15_000, "a delivery is given up after ten seconds");
      assert.equal(receiver.messages.length, first + index + 1, `${reactions[index]}`);
      const [{ tries, next_at }] = await waiting();
      assert.equal(tries, index + 1);
      const seconds = (next_at - start) / 1000;
      assert.ok(seconds >= delay && seconds < delay * 1.13 + 1, `${seconds} s after try ${tries}`);
      await api.cron();
      assert.equal(receiver.messages.length, first + index + 1, "not before the delay has passed");
      await api.sql("UPDATE outbox SET next_at = next_at - ?1", [
        Math.ceil(delay * 1_130) + 20_000,
      ]);
    }
    await api.cron();
    assert.deepEqual(await waiting(), []);
    const tries = receiver.messages.slice(first);
    assert.equal(tries.length, DELAYS.length + 1);
    for (const message of tries) {
      assert.equal(
        receiver.verify(message, OLD).data.event_id,
        tries[0].headers["webhook-id"],
        "the id is unchanged",
      );
      assert.equal(message.path, "/hook?from=hamrah", "no redirect is followed");
    }
  },
);

test("a message with an endless answer counts as delivered, and the connection is closed", async () => {
  receiver.react(ENDLESS, ENDLESS, ENDLESS, ENDLESS, ENDLESS, ENDLESS, ENDLESS, ENDLESS);
  for (let count = 0; count < 8; count += 1) await happen();
  const start = Date.now();
  await api.cron();
  assert.ok(Date.now() - start < 5_000);
  assert.deepEqual(await waiting(), []);
  for (let attempt = 0; (await receiver.connections()) > 1; attempt += 1) {
    assert.ok(attempt < 100, `${await receiver.connections()} connections are still open`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
});

test("while secrets are rotated, both sign, and either verifies the message", async () => {
  await api.reload({ WEBHOOK_SECRETS: `${NEW},${OLD}` });
  await happen();
  await api.cron();
  const both = receiver.messages.at(-1);
  assert.equal(both.headers["webhook-signature"].split(" ").length, 2);
  for (const secret of [OLD, NEW]) assert.equal(receiver.verify(both, secret).type, "user_created");
  await api.reload({ WEBHOOK_SECRETS: NEW });
  await happen();
  await api.cron();
  assert.equal(receiver.verify(receiver.messages.at(-1), NEW).type, "user_created");
  assert.throws(() => receiver.verify(receiver.messages.at(-1), OLD));
});

test("a message to an address without a server is kept, and the log has no secret, address or name", async () => {
  await api.reload({ WEBHOOK_URL: "http://127.0.0.1:9/hook" });
  await happen();
  await api.cron();
  assert.equal((await waiting()).length, 1);
  const log = api.logs.join("\n");
  assert.match(log, /no connection/);
  for (const secret of [OLD, NEW, "/hook", "127.0.0.1:9", "@example.com", "Zoë"])
    assert.ok(!log.includes(secret), secret);
  await api.reload({ WEBHOOK_URL: receiver.url });
  await api.sql("UPDATE outbox SET next_at = 0");
  const before = receiver.messages.length;
  await api.cron();
  assert.equal(receiver.messages.length, before + 1);
});

test("the Worker does not start with WEBHOOK_URL but without WEBHOOK_SECRETS", async () => {
  await api.reload({ WEBHOOK_SECRETS: "" });
  assert.equal((await fetch(`${api.url}/ready`)).status, 503);
  await api.reload({ WEBHOOK_SECRETS: NEW });
  assert.equal((await fetch(`${api.url}/ready`)).status, 200);
});
