// The Worker can refuse a request before its whole body has arrived. The next request on that
// connection must still be answered.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";

let api;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

/**
 * Opens a connection for several requests. `exchange` returns the status of the answer, or the
 * event that ended the connection.
 */
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
  return { exchange, answer: () => got, close: () => socket.destroy() };
};

const CASES = {
  "no session": ["PUT /api/users/me", "application/json", 16, "401"],
  "an internal route without its key": ["POST /api/internal/users", "application/json", 16, "401"],
  "not JSON": ["POST /api/auth/tokens/refresh", "text/plain", 16, "415"],
  "no such route": ["POST /nowhere", "application/json", 16, "404"],
  "body too large": ["POST /api/auth/tokens/refresh", "application/json", 70_000, "413"],
};

test(
  "a request whose body never arrives is answered with 408, and does not delay others",
  { timeout: 60_000 },
  async () => {
    // GET too, although its body has no meaning.
    const methods = ["POST", "GET"];
    const connections = methods.map(() => open(40_000));
    const headOf = (method) => [
      `${method} /api/internal/users HTTP/1.1`,
      "Host: localhost",
      "Content-Type: application/json",
      "Content-Length: 100",
      "Origin: http://localhost:5173",
    ];
    const answered = methods.map((method, at) => connections[at].exchange(headOf(method), "{"));
    assert.equal((await fetch(`${api.url}/health`)).status, 200);
    assert.deepEqual(await Promise.all(answered), ["408", "408"]);
    for (const connection of connections) {
      // A page of an allowed origin can read the answer.
      const allowed = /^access-control-allow-origin: http:\/\/localhost:5173\r?$/im;
      assert.match(connection.answer(), allowed);
      connection.close();
    }
  },
);

for (const [what, [line, type, length, status]] of Object.entries(CASES)) {
  test(`the connection stays usable after a refusal whose body arrives late: ${what}`, async () => {
    const connection = open();
    const head = [
      `${line} HTTP/1.1`,
      "Host: localhost",
      `Content-Type: ${type}`,
      `Content-Length: ${length}`,
    ];
    assert.equal(await connection.exchange(head, `"${"x".repeat(length - 2)}"`), status);
    await new Promise((resume) => setTimeout(resume, 200));
    assert.match(
      await connection.exchange(["GET /health HTTP/1.1", "Host: localhost"]),
      /200|close/,
    );
    connection.close();
  });
}
