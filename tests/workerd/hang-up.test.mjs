// Clients that send a request and reset the connection while the database works. Such a request
// must leave nothing behind.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";

/** How long the database takes, in milliseconds. The client leaves long before. */
const DATABASE = 100;
/** How long a client stays, in milliseconds. */
const STAY = 40;
/** The most bytes of memory per aborted request. The body of the large one has 60 KB. */
const MEMORY = 80_000;
const AT_ONCE = 10;
/** More than the requests at once, so that none is refused for want of a place. */
const PLACES = 16;

let api;
before(async () => {
  api = await startApi({ vars: { PASSWORD_HASHES_AT_ONCE: String(PLACES) } });
  await fetch(`${api.url}/ready`);
});
after(() => api.stop());

const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

const slowly = (batches) =>
  api.plan(
    Array.from({ length: batches }, (_, at) => ({ at, mode: "hang", milliseconds: DATABASE })),
  );

/** Sends a request and resets the connection a moment later. */
const hangUp = async (path, body, headers = []) => {
  const socket = connect(Number(new URL(api.url).port), "127.0.0.1").on("error", () => {});
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: localhost",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...headers,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${text}`);
  await pause(STAY);
  socket.resetAndDestroy();
};

/** Returns the number of requests in the log, and of those whose client hung up. */
const logged = () => {
  const statuses = [...api.logs.join("").matchAll(/"status":(\d+),/g)].map(([, status]) => status);
  return { all: statuses.length, aborted: statuses.filter((status) => status === "499").length };
};

/** Waits until every request that reached the database has been in the log for a while. */
const settled = async (quiet) => {
  let calm = 0;
  for (let waited = 0; calm < quiet && waited < 20_000; waited += STAY) {
    calm = logged().all < api.stats.batches ? 0 : calm + STAY;
    await pause(STAY);
  }
};

/**
 * Hangs up `times` times. Waits for the log of the requests that reached the database. workerd does
 * not begin a request whose connection it already knows to be reset.
 */
const hangUpOften = async (times, ...request) => {
  await api.reset();
  slowly(times);
  for (let sent = 0; sent < times; sent += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => hangUp(...request)));
    await settled(STAY);
  }
  await settled(1_000);
  const [begun, { all, aborted }] = [api.stats.batches, logged()];
  assert.equal(all, begun, "every request that reached the database has its line");
  // On a busy machine a few clients stay too long.
  assert.ok(aborted > 0.8 * times, `${aborted} of ${begun} requests were aborted`);
  await api.reset();
};

const signIn = async (_, index) => {
  const email = `nobody-${index}@example.com`;
  const answer = await fetch(`${api.url}/api/auth/password/sign-in`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password: "quiet harbor lantern" }),
  });
  return answer.status;
};

const REQUESTS = {
  "a sign-in by password": [
    "/api/auth/password/sign-in",
    { email: "ada@example.com", password: "quiet harbor lantern" },
  ],
  "a large request with an unknown token": [
    "/users",
    { username: "ada", name: "Ada", password: "x".repeat(60_000) },
    [`Token: hmp_${"A".repeat(43)}`],
  ],
};

for (const [what, request] of Object.entries(REQUESTS)) {
  test(
    `a thousand aborted requests leave no memory and no place, and are logged: ${what}`,
    { timeout: 240_000 },
    async () => {
      await hangUpOften(300, ...request);
      const before = api.memory();
      await hangUpOften(1_000, ...request);
      const statuses = await Promise.all(Array.from({ length: PLACES }, signIn));
      assert.deepEqual([...new Set(statuses)], [401], "every place is free");
      const memory = (api.memory() - before) / 1_000;
      assert.ok(memory < MEMORY, `${memory} bytes a request`);
    },
  );
}
