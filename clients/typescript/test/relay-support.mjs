// A scripted relay for the tests of its client: the answers of REST, and sockets without a network.
import assert from "node:assert/strict";
import { mock } from "node:test";
import { inspect } from "node:util";
import { build } from "esbuild";

/** Bundles TypeScript into one module, because Node 20 cannot import it. */
export const load = async (path) => {
  const { outputFiles } = await build({
    entryPoints: [new URL(path, import.meta.url).pathname],
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    write: false,
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
  );
};
export const { HamrahApiError, createRelay, fromBase64, login, refresh, register, toBase64 } =
  await load("../src/relay/index.ts");

export const ORIGIN = "https://api.example";
export const TOKEN = "access-token-0123456789";
export const CHANNEL = "0b5f9a52-1111-4111-8111-000000000001";
export const OTHER = "0b5f9a52-2222-4222-8222-000000000002";
export const DIRECT = "0b5f9a52-3333-4333-8333-000000000003";

export const problem = (status, code, headers = {}) =>
  new Response(JSON.stringify({ status, code, detail: `About ${code}.` }), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });

/** Lets all promises run that wait for nothing. `setImmediate` is never mocked. */
export const settle = async () => {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resume) => setImmediate(resume));
};

/** Replaces the timers of a test, and takes the longest time of each jitter. */
export const withTimers = (t) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  t.mock.method(Math, "random", () => 1);
  t.after(() => mock.timers.reset());
};

/** The times between attempts in tests that have no timers of their own, and a longer time. */
export const BACKOFF = { first: 1, most: 1 };
export const pause = () => new Promise((resume) => setTimeout(resume, 10));

export const subscribed = (head, channel_id = CHANNEL) => ["Subscribed", { channel_id, head }];

/** A message as the relay sends it. */
export const message = (seq, channel_id = CHANNEL, body = `body ${seq}`) => ({
  id: `message-${channel_id}-${seq}`,
  channel_id,
  sender_token: "AAAA",
  encrypted_body: Buffer.from(body).toString("base64"),
  timestamp: "2026-12-01T12:00:00.000001Z",
  expires_at: null,
  has_attachments: false,
  seq,
  edited: false,
});

/**
 * Creates a client with a scripted relay. `answers` has a function for each path of REST, by method
 * and path. The sockets record the frames of the client.
 */
export const scripted = ({ answers = {}, ...options } = {}) => {
  const requests = [];
  const sockets = [];
  class FakeWebSocket {
    sent = [];
    closed = undefined;
    onmessage = null;
    onclose = null;
    onerror = null;
    constructor(url) {
      this.url = url;
      sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close(code) {
      this.closed = code;
    }
    /** Sends frames to the client, each `[type, payload]`. */
    serve(...frames) {
      for (const [type, payload] of frames)
        this.onmessage?.({ data: JSON.stringify(payload ? { type, payload } : { type }) });
    }
    hello() {
      this.serve([
        "Hello",
        { session_id: "session", heartbeat_interval_ms: 30_000, prekeys_left: 7 },
      ]);
    }
    messages(...seqs) {
      this.serve(...seqs.map((seq) => ["NewMessage", message(seq)]));
    }
    drop(code = 1006) {
      this.onclose?.({ code, reason: "" });
    }
    /** Returns the payloads of the sent frames of a type. */
    of(type) {
      return this.sent.filter((frame) => frame.type === type).map(({ payload }) => payload);
    }
    ack({ ref, client_id }, seq) {
      this.serve(["MessageAck", { message_id: `id-${seq}`, client_id, seq, ref }]);
    }
  }
  const fetch = async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const route = `${request.method} ${pathname.replace("/api/v1", "")}`;
    requests.push({ route, request, query: Object.fromEntries(searchParams) });
    const answer = answers[route];
    if (answer) return answer(request, Object.fromEntries(searchParams));
    if (route === "POST /ws/ticket")
      return Response.json({ ticket: `ticket ${sockets.length}`, expires_in: 30 });
    if (route === "GET /dm") return Response.json([]);
    return problem(404, "not_found");
  };
  const relay = createRelay({
    origin: ORIGIN,
    token: () => TOKEN,
    fetch,
    WebSocket: FakeWebSocket,
    ...options,
  });
  /** Connects, waits for the socket, and greets the client. */
  const open = async () => {
    const known = relay.state.state === "connecting" ? sockets.length - 1 : sockets.length;
    void relay.connect();
    await settle();
    assert.ok(sockets.length > known, "no socket was opened");
    const socket = sockets.at(-1);
    socket.hello();
    await settle();
    return socket;
  };
  return { relay, requests, sockets, open };
};

export const failure = async (promise) => {
  const error = await promise.then(
    (value) => assert.fail(`the call succeeded: ${inspect(value)}`),
    (error) => error,
  );
  assert.ok(error instanceof HamrahApiError, inspect(error));
  return error;
};

/** The call of `next` that waits, by the iterator. */
const waiting = new WeakMap();

/** Takes as many entries as the iterator gives without waiting. */
export const takeAll = async (iterator, most = Infinity) => {
  const entries = [];
  while (entries.length < most) {
    const next = waiting.get(iterator) ?? iterator.next();
    waiting.set(iterator, next);
    const first = await Promise.race([next, settle().then(() => undefined)]);
    if (first === undefined) break;
    waiting.delete(iterator);
    if (first.done) break;
    entries.push(first.value);
  }
  return entries;
};

export const seqs = (entries) => entries.map(({ seq }) => seq);
