// A refusal that is sent before the whole body has come must not spoil the connection: the next request on it would never be answered.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";

let api;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

/** A connection on which requests follow one another; `exchange` gives the status of an answer, or why there is none. */
const open = (patience = 5_000) => {
  const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
  let got = "";
  let told = () => {};
  for (const event of ["data", "close", "error"]) {
    socket.on(event, (chunk) => {
      if (event === "data") got += chunk;
      told(event);
    });
  }
  const exchange = async (head, ...later) => {
    got = "";
    const answered = new Promise((resume, failed) => {
      const late = setTimeout(() => failed(new Error("no answer")), patience);
      told = (event) => {
        const status = /^HTTP\/1\.1 (\d+) /.exec(got)?.[1];
        if (status === undefined && event === "data") return;
        clearTimeout(late);
        resume(status ?? event);
      };
    });
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    for (const part of later) {
      await new Promise((resume) => setTimeout(resume, 100));
      socket.write(part);
    }
    return answered;
  };
  return { exchange, close: () => socket.destroy() };
};

const CASES = {
  "nobody is signed in": ["PUT /api/users/me", "application/json", 16, "401"],
  "an internal route without a key": ["POST /api/internal/users", "application/json", 16, "401"],
  "no JSON": ["POST /api/auth/tokens/refresh", "text/plain", 16, "415"],
  "no such route": ["POST /nowhere", "application/json", 16, "404"],
  "too large": ["POST /api/auth/tokens/refresh", "application/json", 70_000, "413"],
};

test("who waits for a body that does not come is told, and others are answered meanwhile", { timeout: 60_000 }, async () => {
  // Also where a body means nothing.
  const methods = ["POST", "GET"];
  const connections = methods.map(() => open(40_000));
  const headOf = (method) => [`${method} /api/internal/users HTTP/1.1`, "Host: localhost", "Content-Type: application/json", "Content-Length: 100"];
  const answered = methods.map((method, at) => connections[at].exchange(headOf(method), "{"));
  assert.equal((await fetch(`${api.url}/health`)).status, 200);
  assert.deepEqual(await Promise.all(answered), ["408", "408"]);
  for (const connection of connections) connection.close();
});

for (const [what, [line, type, length, status]] of Object.entries(CASES)) {
  test(`the connection is good after a refusal whose body comes late: ${what}`, async () => {
    const connection = open();
    const head = [`${line} HTTP/1.1`, "Host: localhost", `Content-Type: ${type}`, `Content-Length: ${length}`];
    assert.equal(await connection.exchange(head, `"${"x".repeat(length - 2)}"`), status);
    await new Promise((resume) => setTimeout(resume, 200));
    assert.match(await connection.exchange(["GET /health HTTP/1.1", "Host: localhost"]), /200|close/);
    connection.close();
  });
}
