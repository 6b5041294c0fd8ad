/**
 * A client of the relay, for browsers and Node.
 *
 * It seals nothing by itself. Pass the hooks `seal` and `open`, which call a library for that.
 * `docs/RELAY.md` describes the relay.
 *
 * ```ts
 * const relay = createRelay({ origin: "https://api.hamrah.app", token: () => accessToken });
 * await relay.connect();
 * const { seq } = await relay.send(channelId, { body: sealed });
 * for await (const entry of relay.subscribe(channelId, { since: seq })) show(entry);
 * ```
 */
import { Relay, type RelayOptions } from "./relay.js";

export { HamrahApiError } from "../error.js";
export type { components } from "../schema.js";
export { type AccountOptions, type SignIn, login, refresh, register } from "./account.js";
export { type Bytes, fromBase64, randomBytes, toBase64 } from "./bytes.js";
export type { Backoff, Socket, SocketConstructor } from "./connection.js";
export type { RelayEvents, RelayState } from "./events.js";
export type { Entry, SealedMessage } from "./frames.js";
export type { Sent } from "./outbox.js";
export type { OutgoingMessage, SendOptions } from "./message.js";
export type { ReadOptions, Received, Relay, RelayOptions, Subscription } from "./relay.js";
export type { CallOptions, Fetch, TokenSource } from "./rest.js";
export type { Channel, KeyBundle, MessageLog, PageOptions, Server } from "./routes.js";

/** Creates a client of the relay for one account. It connects when `connect` is called. */
export const createRelay = <Content = never>(options: RelayOptions<Content>): Relay<Content> =>
  new Relay(options);
