// A receiver of webhooks on loopback that keeps what it got, and behaves as it is told.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { Webhook } from "standardwebhooks";

export const freshSecret = () => `whsec_${randomBytes(32).toString("base64")}`;

/** What a message can meet, besides a status. */
export const HANG = "hang";
export const HANG_UP = "hang up";
/** An answer of 200 whose body never ends. */
export const ENDLESS = "endless";

/**
 * Starts it; with `tls`, a key and a certificate, it speaks https.
 *
 * Gives: `url`; `messages`, each with path, headers and body; `react(...)`, what the next messages meet, 204 after them;
 * `got(n)`, which waits until there are n messages; `verify(message, secret)`, as npm's `standardwebhooks` does it; `stop()`.
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
  // Who does not trust the certificate breaks off.
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
