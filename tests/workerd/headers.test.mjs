// Headers pass between JavaScript and wasm as one string. Neither their number nor their bytes may
// break it.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";

let api;
before(async () => {
  api = await startApi({ cf: { country: "DE\ncontent-type\ntext/plain" } });
});
after(() => api.stop());

/** Sends a request with exactly these header lines and returns its status. */
const statusOf = (lines) =>
  new Promise((resume, failed) => {
    const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
    let got = "";
    socket.on("data", (chunk) => {
      got += chunk;
      const status = /^HTTP\/1\.1 (\d+) /.exec(got)?.[1];
      if (status === undefined) return;
      socket.destroy();
      resume(Number(status));
    });
    socket.on("error", failed);
    socket.on("close", () => resume(undefined));
    socket.write(
      `GET /health HTTP/1.1\nHost: localhost\n${lines.map((line) => `${line}\n`).join("")}\n`,
    );
  });
const many = (count) => Array.from({ length: count }, (_, at) => `${(at + 1_296).toString(36)}:`);

test("90 headers are accepted, 101 and 300 are refused, and 24,600 cause no panic", async () => {
  // The client sends `Host`, and workerd adds headers of its own.
  assert.equal(await statusOf(many(90)), 200);
  for (const count of [101, 300]) assert.equal(await statusOf(many(count)), 431, `${count}`);
  const before = api.logs.length;
  assert.equal(await statusOf(many(24_600)), 431);
  assert.ok(!api.logs.slice(before).some((line) => /panic/i.test(line)));
  assert.equal((await fetch(`${api.url}/health`)).status, 200);
});

test("unusual bytes in a header are accepted", async () => {
  for (const value of ["\u00e9", "a\tb", "", "\u{1f511}"])
    assert.equal(await statusOf([`X-Strange: ${value}`]), 200, JSON.stringify(value));
});

test("a country from the edge is ignored unless it is two letters", async () => {
  const answer = await fetch(`${api.url}/api/auth/recovery/begin`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: '{"email":"ada@example.com"}',
  });
  assert.equal(answer.status, 200, await answer.text());
});
