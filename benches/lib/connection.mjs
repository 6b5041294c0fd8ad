// One persistent HTTP/1.1 connection with one request in flight at a time.
//
// The client shares the machine with the measured server, so it must cost little. It writes text
// into a socket and parses only the status and the end of an answer. It reads a body with a
// length or in chunks. It takes any other answer as one without a body.
import { connect } from "node:net";
import { performance } from "node:perf_hooks";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const PATIENCE_MILLISECONDS = 20_000;
/**
 * After this idle time `asker` opens a new connection. workerd closes a connection after five idle
 * seconds.
 */
const IDLE_MILLISECONDS = 2_000;

/**
 * A part of the data about a request's connection that Cloudflare gives every Worker in production.
 * workerd reads it from this header, as Miniflare and cold.mjs configure it.
 */
const CF = `MF-CF-Blob: ${JSON.stringify({ httpProtocol: "HTTP/2", country: "DE", colo: "FRA", asn: 64496, tlsVersion: "TLSv1.3" })}\r\n`;

/** Returns the text of a request. A caller can build a constant request once and send it often. */
export const serialize = ({ method = "GET", path, headers = {}, body }) => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (body !== undefined) lines.push(`Content-Type: application/json\r\n`);
  if (body !== undefined || method !== "GET") lines.push(`Content-Length: ${Buffer.byteLength(body ?? "")}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${CF}${lines.join("")}\r\n${body ?? ""}`;
};

/**
 * Returns the end of the chunked body that begins at `start`, or -1 if the body is incomplete. Adds
 * its chunks to `pieces`.
 */
const endOfChunks = (buffer, start, pieces) => {
  for (let at = start; ; ) {
    const line = buffer.indexOf("\r\n", at, "latin1");
    if (line < 0) return -1;
    const size = Number.parseInt(buffer.latin1Slice(at, line), 16);
    const next = line + 2 + size + 2;
    if (buffer.length < next) return -1;
    if (size === 0) return next;
    pieces.push(buffer.subarray(line + 2, line + 2 + size));
    at = next;
  }
};

/**
 * Returns `{status, head, body, bytes}` of the answer at the beginning of the buffer, or undefined
 * if the answer is incomplete. `body` is a buffer, and `bytes` is the size of the answer.
 */
const parse = (buffer) => {
  const headEnds = buffer.indexOf(END_OF_HEAD);
  if (headEnds < 0) return undefined;
  const head = buffer.latin1Slice(0, headEnds);
  const status = Number(head.slice(9, 12));
  const start = headEnds + 4;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length) {
    const bytes = start + Number(length[1]);
    return buffer.length < bytes ? undefined : { status, head, body: buffer.subarray(start, bytes), bytes };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, head, body: Buffer.alloc(0), bytes: start };
  const pieces = [];
  const bytes = endOfChunks(buffer, start, pieces);
  return bytes < 0 ? undefined : { status, head, body: pieces.length === 1 ? pieces[0] : Buffer.concat(pieces), bytes };
};

export class Connection {
  #socket;
  #buffer;
  #waiting;
  closed = false;

  static open(origin) {
    const { hostname, port } = new URL(origin);
    const connection = new Connection();
    return new Promise((opened, failed) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true }, () => opened(connection));
      connection.#socket = socket;
      // An idle connection stays open. A connection that waits for an answer has a time limit.
      socket.setTimeout(PATIENCE_MILLISECONDS, () => connection.#waiting && socket.destroy(new Error("no answer in time")));
      socket.on("data", (chunk) => connection.#receive(chunk));
      socket.on("close", () => connection.#fail(new Error("the connection was closed")));
      socket.on("error", (error) => {
        connection.#fail(error);
        failed(error);
      });
    });
  }

  /** Sends the text of a request. Returns `{status, head, body, bytes}`. */
  send(text) {
    return new Promise((done, failed) => {
      if (this.closed) return void failed(new Error("the connection was closed"));
      this.#waiting = { done, failed };
      this.#socket.write(text);
    });
  }

  close() {
    this.#waiting = undefined;
    this.closed = true;
    this.#socket.destroy();
  }

  #receive(chunk) {
    this.#buffer = this.#buffer ? Buffer.concat([this.#buffer, chunk]) : chunk;
    const answer = parse(this.#buffer);
    if (!answer) return;
    this.#buffer = undefined;
    const { done } = this.#waiting;
    this.#waiting = undefined;
    done(answer);
  }

  #fail(error) {
    this.closed = true;
    this.#waiting?.failed(error);
    this.#waiting = undefined;
  }
}

/** Returns the values of a header in the head of an answer. */
export const valuesOf = (head, name) =>
  head
    .split("\r\n")
    .filter((line) => line.toLowerCase().startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1).trim());

/** Returns the cookies that an answer sets, in the form in which a client sends them. */
export const cookiesOf = (head) =>
  valuesOf(head, "set-cookie")
    .map((value) => value.split(";")[0])
    .filter((pair) => !pair.endsWith("="))
    .join("; ");

/**
 * Returns a function that sends one request, for preparations. The function throws an error with
 * the answer if the status is not the expected one.
 */
export const asker = async (origin) => {
  let connection = await Connection.open(origin);
  let lastUse = performance.now();
  const ask = async (request, expected = 200) => {
    if (performance.now() - lastUse > IDLE_MILLISECONDS) {
      connection.close();
      connection = await Connection.open(origin);
    }
    const answer = await connection.send(serialize(request));
    lastUse = performance.now();
    const text = answer.body.toString();
    if (answer.status !== expected) throw new Error(`${request.method ?? "GET"} ${request.path}: ${answer.status} ${text.slice(0, 300)}`);
    return { ...answer, json: text ? JSON.parse(text) : undefined };
  };
  ask.close = () => connection.close();
  return ask;
};
