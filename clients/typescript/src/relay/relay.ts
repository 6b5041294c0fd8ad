import { originOf } from "../origin.js";
import { type Bytes, fromBase64 } from "./bytes.js";
import { type Backoff, Connection, type SocketConstructor, closedError } from "./connection.js";
import { Emitter, type RelayEvents, type RelayState } from "./events.js";
import { type Entry, type SealedMessage, type ServerFrame, entryOf } from "./frames.js";
import { type OutgoingMessage, payloadOf } from "./message.js";
import { Outbox, type Sent } from "./outbox.js";
import { type Fetch, Rest, type TokenSource } from "./rest.js";
import { channelRoutes, keyRoutes, messageRoutes, serverRoutes, userRoutes } from "./routes.js";
import type { Reader } from "./reader.js";
import { Subscriptions } from "./subscriptions.js";

export interface RelayOptions<Content = never> {
  /** Origin of the API, such as `https://api.hamrah.app`. */
  origin: string;
  /** Returns the access token of the account. It is called before every request and connection. */
  token: TokenSource;
  /** Sends a request. The default is `fetch`. */
  fetch?: Fetch;
  /** Opens a socket. The default is the global `WebSocket`, which Node has from version 22. */
  WebSocket?: SocketConstructor;
  /** Seals the content of a message. The calls have the order of the messages. */
  seal?: (content: Content, context: { channelId: string }) => Promise<Bytes>;
  /** Opens a sealed body. The calls have the order in which the consumer takes the entries. */
  open?: (body: Uint8Array, message: SealedMessage) => Promise<Content>;
  /** The times between attempts to connect. The default is 500 ms, doubled up to 30 s. */
  backoff?: Partial<Backoff>;
  /** How long the client waits for a connection, in milliseconds. Default 15,000. */
  connectTimeout?: number;
  /** The largest number of unread entries of a consumer. Default 512. */
  bufferSize?: number;
  /** The largest number of messages that wait for the relay. Default 1000. */
  maxQueued?: number;
}

/**
 * An entry for a consumer. With the hook `open`, a message and an edit have their `content`, or an
 * `openError` if the hook failed.
 */
export type Received<Content> = Entry & { content?: Content; openError?: unknown };

export interface ReadOptions<Content> {
  /** Takes each entry. The next one waits for the promise that it returns. */
  onEntry?: (entry: Received<Content>) => void | Promise<void>;
  /** Called once when no more entries come, with the reason if it is an error. */
  onEnd?: (error?: unknown) => void;
}

/**
 * The entries of one channel or of the direct messages, in the order of each channel. `return`
 * unsubscribes, also if `next` waits.
 */
export interface Subscription<Content> extends AsyncIterableIterator<Received<Content>, undefined> {
  return(): Promise<IteratorResult<Received<Content>, undefined>>;
}

/** A client of the relay for one account. */
export class Relay<Content = never> {
  /** Key bundles, prekeys, the identity key and the backup. */
  readonly keys: ReturnType<typeof keyRoutes>;
  readonly servers: ReturnType<typeof serverRoutes>;
  /** Channels, and direct messages as channels. */
  readonly channels: ReturnType<typeof channelRoutes>;
  /** Messages over REST: history, `since`, edits and removals. */
  readonly messages: ReturnType<typeof messageRoutes>;
  readonly users: ReturnType<typeof userRoutes>;
  readonly #options: RelayOptions<Content>;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #subscriptions: Subscriptions<Received<Content>>;
  readonly #emitter = new Emitter();
  #sealing: Promise<unknown> = Promise.resolve();

  constructor(options: RelayOptions<Content>) {
    const { backoff, connectTimeout = 15_000, bufferSize = 512, maxQueued = 1000 } = options;
    if (!(connectTimeout > 0) || !(bufferSize >= 1) || !(maxQueued >= 1))
      throw new TypeError("connectTimeout, bufferSize and maxQueued must be positive");
    const WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (typeof WebSocket !== "function")
      throw new TypeError("This platform has no WebSocket. Pass a class with its interface.");
    this.#options = options;
    const rest = new Rest(options);
    this.keys = keyRoutes(rest);
    this.servers = serverRoutes(rest);
    this.channels = channelRoutes(rest);
    this.messages = messageRoutes(rest);
    this.users = userRoutes(rest);
    this.#connection = new Connection({
      url: `${originOf(options.origin).replace(/^http/, "ws")}/api/v1/ws`,
      ticket: async (signal) =>
        (await rest.call<{ ticket: string }>("POST", "/ws/ticket", { signal })).ticket,
      WebSocket,
      backoff: { first: 500, most: 30_000, ...backoff },
      connectTimeout,
      onState: (state) => this.#onState(state),
      onFrame: (frame) => this.#onFrame(frame),
    });
    const send = this.#connection.send.bind(this.#connection);
    this.#outbox = new Outbox({ send, maxQueued });
    const convert = (entry: Entry) => this.#convert(entry);
    const { channels, messages } = this;
    const consumers = { send, convert, bufferSize, channels, messages };
    this.#subscriptions = new Subscriptions(consumers);
  }

  get state(): RelayState {
    return this.#connection.state;
  }

  /** Number of messages that the relay has not confirmed. */
  get queued(): number {
    return this.#outbox.size;
  }

  /**
   * Connects, and stays connected until `close`. Resolves when the relay greets the client. Rejects
   * if the client stops, for example after a 401.
   */
  connect(): Promise<void> {
    return this.#connection.connect();
  }

  /** Ends the connection and all subscriptions, and rejects the messages without an answer. */
  close(): void {
    this.#connection.close();
  }

  /** Adds a listener of an event. Returns a function that removes it. */
  on<Name extends keyof RelayEvents>(
    name: Name,
    listener: (event: RelayEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /** Adds a listener of typing members. */
  onTyping(listener: (event: RelayEvents["typing"]) => void): () => void {
    return this.on("typing", listener);
  }

  /**
   * Sends a message. Without a connection it waits in a queue. Messages of a channel keep the order
   * of the calls. Each message has a `client_id`, so the relay stores it once, also if it is sent
   * again after a lost connection.
   */
  send(channelId: string, message: OutgoingMessage<Content>): Promise<Sent> {
    const { state } = this.#connection;
    const seal = (ref: string) => {
      if (state.state === "stopped") throw state.error;
      if (state.state === "closed") throw closedError();
      const seal = (content: Content) => this.#seal(content, channelId);
      return payloadOf(channelId, ref, message, seal);
    };
    return this.#outbox.add(channelId, async (ref) => seal(ref), message.signal);
  }

  /** Informs the other members that the account types. Without a connection it does nothing. */
  typing(channelId: string): void {
    this.#connection.send({ type: "Typing", payload: { channel_id: channelId } });
  }

  /**
   * Reads a channel: first the entries after `since`, if it is given, and then new ones. End the
   * loop or call `return` to unsubscribe.
   */
  subscribe(
    channelId: string,
    options: ReadOptions<Content> & { since?: number } = {},
  ): Subscription<Content> {
    return read(this.#subscriptions.subscribe(channelId, options.since), options);
  }

  /**
   * Reads all direct messages of the account. `since` has the last sequence number that the app
   * knows, by the id of the channel. A direct message that has its own subscription arrives there.
   */
  directMessages(
    options: ReadOptions<Content> & { since?: Readonly<Record<string, number>> } = {},
  ): Subscription<Content> {
    return read(this.#subscriptions.directMessages(options.since ?? {}), options);
  }

  /** Calls the listener with each entry of the direct messages. The result ends it. */
  onMessage(listener: NonNullable<ReadOptions<Content>["onEntry"]>): () => void {
    const feed = this.directMessages({ onEntry: listener });
    return () => void feed.return();
  }

  #onState(state: RelayState): void {
    if (state.state === "open") {
      this.#subscriptions.start();
      this.#outbox.start();
    } else if (state.state === "stopped" || state.state === "closed") {
      const error = state.state === "stopped" ? state.error : undefined;
      this.#outbox.end(error);
      this.#subscriptions.end(error);
    } else {
      this.#outbox.suspend();
      this.#subscriptions.suspend();
    }
    this.#emitter.emit("state", state);
  }

  #onFrame(frame: ServerFrame): void {
    const entry = entryOf(frame);
    if (entry) return this.#subscriptions.take(entry);
    const { type, payload } = frame;
    switch (type) {
      case "MessageAck":
        return this.#outbox.acknowledge(payload);
      case "Subscribed":
        return this.#subscriptions.subscribed(payload);
      case "Error":
        return this.#onError(payload);
      case "UserTyping": {
        const { channel_id: channelId, ephemeral_token: ephemeralToken } = payload;
        return this.#emitter.emit("typing", { channelId, ephemeralToken });
      }
      case "MemberRemoved": {
        const { channel_id: channelId, user_id: userId } = payload;
        return this.#emitter.emit("memberRemoved", { channelId, userId });
      }
      case "PrekeysLow": {
        const { left, used_last_resort: usedLastResort } = payload;
        return this.#emitter.emit("prekeysLow", { left, usedLastResort });
      }
      case "IdentityChanged":
        return this.#emitter.emit("identityChanged", { userId: payload.user_id });
      case "SenderKeysUpdated":
        return this.#emitter.emit("senderKeysUpdated", { channelId: payload.channel_id });
    }
  }

  #onError(error: { code: string; message: string; ref?: string }): void {
    if (this.#outbox.fail(error) || error.ref !== undefined) return;
    this.#subscriptions.refused();
    this.#emitter.emit("refused", { code: error.code, message: error.message });
  }

  /** Seals one message after the other, because libraries change their keys with each message. */
  #seal(content: Content, channelId: string): Promise<Bytes> {
    const { seal } = this.#options;
    if (!seal) return Promise.reject(new TypeError("content needs the hook seal"));
    const sealed = this.#sealing.then(() => seal(content, { channelId }));
    this.#sealing = sealed.catch(() => {});
    return sealed;
  }

  async #convert(entry: Entry): Promise<Received<Content>> {
    const { open } = this.#options;
    if (!open || (entry.kind !== "message" && entry.kind !== "edit")) return entry;
    try {
      const body = fromBase64(entry.message.encrypted_body);
      return { ...entry, content: await open(body, entry.message) };
    } catch (openError) {
      return { ...entry, openError };
    }
  }
}

/** Returns the iterator of a reader. With `onEntry` it is read at once. */
const read = <Content>(
  { feed }: Reader<Received<Content>>,
  { onEntry, onEnd }: ReadOptions<Content>,
): Subscription<Content> => {
  const readAll = async (onEntry: NonNullable<ReadOptions<Content>["onEntry"]>) => {
    for await (const entry of feed) await onEntry(entry);
  };
  if (onEntry)
    readAll(onEntry).then(
      () => onEnd?.(),
      (error: unknown) => onEnd?.(error),
    );
  return feed;
};
