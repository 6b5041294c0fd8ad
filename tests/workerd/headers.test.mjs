// What comes and goes between JavaScript and wasm in one text: headers, however many and whatever is in them.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";

let api;
before(async () => {
  api = await startApi({ cf: { country: "DE\ncontent-type\ntext/plain" } });
});
after(() => api.stop());

/** The status of a request with these lines, written as they are. */
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
    socket.write(`GET /health HTTP/1.1\nHost: localhost\n${lines.map((line) => `${line}\n`).join("")}\n`);
  });
const many = (count) => Array.from({ length: count }, (_, at) => `${(at + 1_296).toString(36)}:`);

test("hundreds of headers are refused, tens of thousands panic nothing", async () => {
  assert.equal(await statusOf(many(200)), 200);
  assert.equal(await statusOf(many(300)), 400);
  const before = api.logs.length;
  assert.equal(await statusOf(many(24_600)), 400);
  assert.ok(!api.logs.slice(before).some((line) => /panic/i.test(line)));
  assert.equal((await fetch(`${api.url}/health`)).status, 200);
});

test("bytes that are no text in a header disturb nobody", async () => {
  for (const value of ["\u00e9", "a\tb", "", "\u{1f511}"]) assert.equal(await statusOf([`X-Strange: ${value}`]), 200, JSON.stringify(value));
});

test("what the edge says of a country is two letters, or nothing", async () => {
  const answer = await fetch(`${api.url}/api/auth/recovery/begin`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"email":"ada@example.com"}' });
  assert.equal(answer.status, 200, await answer.text());
});
