// The native server and clients that are slow, or that send contradicting headers.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { folder, post, serve } from "./server.mjs";

const made = folder();
let server;
let port;
before(async () => {
  server = await serve({ cwd: made.path });
  port = Number(new URL(server.url).port);
});
after(async () => {
  await server.stop();
  made.remove();
});

/** Sends raw bytes and returns all bytes that arrive until the server closes the connection. */
const raw = async (text) => {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  socket.on("data", (chunk) => (got += chunk)).on("error", () => {});
  socket.write(text);
  await once(socket, "close");
  return got;
};

/** The first bytes of connections that then send nothing more. */
const STARTS = [
  "",
  "P",
  // HTTP/2, which the server does not support.
  "PRI * HTTP/2.0\r\n\r\n",
  "GET /health HTTP/1.1\r\nHost: lo",
  "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
];

test(
  "connections that send nothing, stop, or do not read are closed, and do not block others",
  { timeout: 60_000 },
  async () => {
    const idle = Array.from({ length: 900 }, () =>
      connect(port, "127.0.0.1")
        .on("error", () => {})
        .resume(),
    );
    const closed = Promise.all(idle.map((socket) => once(socket, "close")));
    idle.forEach((socket, index) => socket.write(STARTS[index % STARTS.length]));
    const reader = connect(port, "127.0.0.1")
      .on("error", () => {})
      .pause();
    const end = once(reader, "close");
    reader.write("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500));
    await closed;
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
    await new Promise((resume) => setTimeout(resume, 25_000));
    // The buffers still hold bytes that were sent before the connection was closed.
    reader.resume();
    await end;
  },
);

test("silent connections of one address leave places for others", async () => {
  const options = { port, host: "127.0.0.1", localAddress: "127.0.0.2" };
  const silent = Array.from({ length: 800 }, () => connect(options).on("error", () => {}));
  await new Promise((resume) => setTimeout(resume, 1_000));
  // A connection of its own, because fetch would use one that is open already.
  const answer = raw("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const late = new Promise((resume) => setTimeout(resume, 3_000, "no answer"));
  assert.match(await Promise.race([answer, late]), /^HTTP\/1\.1 200 /);
  for (const socket of silent) socket.destroy();
});

test("a body whose announced length is too large is refused at once", async () => {
  const head =
    "POST /api/auth/tokens/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const answer = await raw(`${head}Content-Length: 10000000000\r\nConnection: close\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /"code":"body_too_large"/);
});

test("a request must name exactly one host", async () => {
  for (const hosts of ["", "Host: localhost\r\nHost: evil.example\r\n"]) {
    const answer = await raw(`GET /health HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /application\/problem\+json/);
  }
});

/** Requests that the server refuses after it has read their heads, with the statuses. */
const REFUSED = [
  ["no host", "GET /health HTTP/1.1\r\n", 400],
  ["two hosts", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400],
  [
    "a body that never arrives",
    "POST /api/auth/tokens/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n",
    408,
  ],
  [
    "a body that is too large",
    "POST /api/auth/tokens/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n",
    413,
  ],
  ["a long path", `GET /${"a".repeat(9_000)} HTTP/1.1\r\nHost: localhost\r\n`, 414],
  ["a long head", `GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(40_000)}\r\n`, 431],
  ["no such route", "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n", 404],
];

test("a page of an allowed origin can read every refusal", { timeout: 60_000 }, async () => {
  const allowed = (answer) => /^access-control-allow-origin: (.*?)\r?$/m.exec(answer)?.[1];
  await Promise.all(
    REFUSED.map(async ([name, head, status]) => {
      for (const origin of ["http://localhost:5173", "https://evil.example"]) {
        const answer = await raw(`${head}Origin: ${origin}\r\nConnection: close\r\n\r\n`);
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), name);
        assert.match(answer, /^vary: .*origin/m, name);
        const expected = origin.startsWith("http:") ? origin : undefined;
        assert.equal(allowed(answer), expected, name);
        // One request with a body is enough.
        if (status === 408) break;
      }
    }),
  );
});

test("a health check over HTTP/1.0 needs no host", async () => {
  for (const request of ["GET /health", "HEAD /ready", "OPTIONS /"]) {
    const answer = await raw(`${request} HTTP/1.0\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.[01] 200 /, request);
  }
});

test("the log holds no text that a client chose", async () => {
  await raw("hms_CANARY-METHOD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  await raw(
    "GET /hms_CANARY-PATH?token=hms_CANARY-QUERY HTTP/1.1\r\nHost: localhost\r\nUser-Agent: hms_CANARY-AGENT\r\nConnection: close\r\n\r\n",
  );
  assert.equal((await post(server.url, "/api/internal/users", {})).status, 422);
  assert.doesNotMatch(server.output(), /CANARY/);
  assert.match(server.output(), /method="OTHER"/);
});

/** The first lines of requests that the server cannot read, with the status and the code. */
const UNREADABLE = [
  ["GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400, "bad_request"],
  ["GET /\u0001 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "bad_request"],
  ["G@T / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "bad_request"],
  ["GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400, "bad_request"],
  [
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    400,
    "bad_request",
  ],
  [`GET /${"a".repeat(70_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 414, "uri_too_long"],
  [
    `GET / HTTP/1.1\r\nHost: localhost\r\n${"X-A: 1\r\n".repeat(101)}\r\n`,
    431,
    "headers_too_large",
  ],
  [
    `GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(600_000)}\r\n\r\n`,
    431,
    "headers_too_large",
  ],
];

for (const [request, status, code] of UNREADABLE) {
  test(`${JSON.stringify(request.slice(0, 60))} is answered with the document of ${code}`, async () => {
    for (const before of ["", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"]) {
      const answers = (await raw(before + request)).split(/(?=HTTP\/1\.1 \d)/);
      const [head, body] = answers.at(-1).split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `));
      assert.match(head, /^content-type: application\/problem\+json\r?$/m);
      assert.match(head, /^connection: close\r?$/m);
      assert.match(head, /^date: /m);
      assert.match(head, /^x-content-type-options: nosniff\r?$/m);
      assert.equal(Number(/content-length: (\d+)/.exec(head)[1]), Buffer.byteLength(body));
      assert.equal(JSON.parse(body).code, code);
    }
  });
}
