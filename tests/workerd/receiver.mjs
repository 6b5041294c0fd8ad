// A webhook receiver on loopback. It keeps the messages that it gets, and reacts to them as the
// test asks.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { Webhook } from "standardwebhooks";

export const freshSecret = () => `whsec_${randomBytes(32).toString("base64")}`;

/** The reactions that are not a status. `HANG` never answers, `HANG_UP` closes the connection. */
export const HANG = "hang";
export const HANG_UP = "hang up";
/** Answers 200 with a body that never ends. */
export const ENDLESS = "endless";

/**
 * Starts a receiver. With `tls`, a key and a certificate, it speaks https.
 *
 * Returns `url`; `messages`, each with path, headers and body; `react(...)`, which sets the
 * reactions to the next messages, 204 after them; `got(n)`, which waits for n messages;
 * `verify(message, secret)`, which uses npm's `standardwebhooks`; `stop()`.
 */
export const startReceiver = async (tls) => {
  const messages = [];
  let reactions = [];
  const answer = async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    messages.push({ path: request.url, headers: request.headers, body, at: Date.now() });
    const reaction = reactions.shift() ?? 204;
    if (reaction === HANG) return;
    if (reaction === HANG_UP) request.socket.destroy();
    else if (reaction === ENDLESS) response.write("so it goes on ");
    else response.writeHead(reaction, { location: "/elsewhere" }).end("whatever");
  };
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  // A client that does not trust the certificate closes the connection.
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const connections = () => new Promise((told) => server.getConnections((_, count) => told(count)));
  return {
    url: `${tls ? "https" : "http"}://localhost:${server.address().port}/hook?from=hamrah`,
    messages,
    connections,
    react: (...next) => (reactions = next),
    got: async (count) => {
      for (let attempt = 0; messages.length < count; attempt += 1) {
        if (attempt > 400) throw new Error(`${messages.length} messages and not ${count}`);
        await new Promise((resume) => setTimeout(resume, 25));
      }
      return messages;
    },
    verify: ({ body, headers }, secret) => new Webhook(secret).verify(body, headers),
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
