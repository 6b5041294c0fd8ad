/** The messages on their way to the relay, in the order in which the app sent them. */
import { HamrahApiError } from "../error.js";
import { closedError } from "./connection.js";
import type { MessagePayload, ServerPayloads } from "./frames.js";
import type { SendFrame } from "./track.js";

/** The place of a stored message. */
export interface Sent {
  messageId: string;
  seq: number;
  /** The `client_id` of the message, in base64. */
  clientId: string;
}

interface Outgoing {
  readonly ref: string;
  readonly channelId: string;
  /** Undefined until the message is sealed. */
  payload: MessagePayload | undefined;
  /** Whether the relay has it on this connection. */
  inFlight: boolean;
  /** How often the relay could not take it. */
  failures: number;
  /** The timer until it is sent again. */
  timer: ReturnType<typeof setTimeout> | undefined;
  settle: { done: (sent: Sent) => void; failed: (error: unknown) => void };
}

export interface OutboxOptions {
  send: SendFrame;
  /** The largest number of messages that wait or have no answer. */
  maxQueued: number;
}

/** The relay answers more messages of a socket with `busy`. */
const MOST_IN_FLIGHT = 64;
/** The codes after which the same message may be sent again. */
const TEMPORARY = ["unavailable", "busy"];
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class Outbox {
  readonly #options: OutboxOptions;
  /** In the order of the calls. */
  readonly #messages = new Map<string, Outgoing>();
  #inFlight = 0;
  #lastRef = 0;
  #isOpen = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Number of messages without an answer. */
  get size(): number {
    return this.#messages.size;
  }

  /**
   * Queues a message. Its place in the order is that of the call, also if `seal` takes its time.
   * Resolves when the relay has stored it.
   */
  add(
    channelId: string,
    seal: (ref: string) => Promise<MessagePayload>,
    signal?: AbortSignal,
  ): Promise<Sent> {
    const promise = this.#add(channelId, seal, signal);
    // An app that does not wait for the message must not end by its error.
    promise.catch(() => {});
    return promise;
  }

  async #add(
    channelId: string,
    seal: (ref: string) => Promise<MessagePayload>,
    signal: AbortSignal | undefined,
  ): Promise<Sent> {
    signal?.throwIfAborted();
    if (this.#messages.size >= this.#options.maxQueued)
      throw error("queue_full", "Too many messages wait for the relay. Send fewer at once.");
    this.#lastRef += 1;
    const ref = String(this.#lastRef);
    const sent = new Promise<Sent>((done, failed) => {
      const settle = { done, failed };
      const state = { payload: undefined, inFlight: false, failures: 0, timer: undefined };
      this.#messages.set(ref, { ref, channelId, settle, ...state });
    });
    sent.catch(() => {});
    const abort = () => this.#reject(ref, signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const payload = await Promise.race([seal(ref), rejected(sent)]);
      const message = this.#messages.get(ref);
      if (message) message.payload = payload;
      this.#pump();
      return await sent;
    } catch (cause) {
      this.#reject(ref, cause);
      return await sent;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Sends the queue on a new connection, beginning with the messages without an answer. */
  start(): void {
    this.#isOpen = true;
    this.#pump();
  }

  /** Notes that the connection was lost. Messages without an answer are sent again. */
  suspend(): void {
    this.#isOpen = false;
    this.#inFlight = 0;
    for (const message of this.#messages.values()) {
      message.inFlight = false;
      clearTimeout(message.timer);
      message.timer = undefined;
    }
  }

  /** Rejects all messages. */
  end(reason: unknown = closedError()): void {
    this.suspend();
    for (const ref of [...this.#messages.keys()]) this.#reject(ref, reason);
  }

  acknowledge({ ref, message_id: messageId, seq }: ServerPayloads["MessageAck"]): void {
    const message = this.#remove(ref);
    if (!message?.payload) return;
    message.settle.done({ messageId, seq, clientId: message.payload.client_id });
    this.#pump();
  }

  /** Takes an error. Returns false if it belongs to no message. */
  fail({ ref, code, message: text }: ServerPayloads["Error"]): boolean {
    const message = ref === undefined ? undefined : this.#messages.get(ref);
    if (!message) return false;
    if (TEMPORARY.includes(code)) this.#sendLater(message);
    else this.#reject(message.ref, error(code, text));
    this.#pump();
    return true;
  }

  #sendLater(message: Outgoing): void {
    if (message.inFlight) this.#inFlight -= 1;
    message.inFlight = false;
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** message.failures, LONGEST_PAUSE_MS);
    message.failures += 1;
    clearTimeout(message.timer);
    message.timer = setTimeout(
      () => {
        message.timer = undefined;
        this.#pump();
      },
      longest * (0.5 + Math.random() / 2),
    );
  }

  /** Sends the messages that may be sent. A message waits for earlier ones of its channel. */
  #pump(): void {
    if (!this.#isOpen) return;
    const blocked = new Set<string>();
    for (const message of this.#messages.values()) {
      const { payload, channelId } = message;
      if (message.inFlight || blocked.has(channelId)) continue;
      if (!payload || message.timer !== undefined) blocked.add(channelId);
      else if (this.#inFlight >= MOST_IN_FLIGHT) return;
      else if (this.#options.send({ type: "SendMessage", payload })) {
        message.inFlight = true;
        this.#inFlight += 1;
      } else return;
    }
  }

  #remove(ref: string | undefined): Outgoing | undefined {
    const message = ref === undefined ? undefined : this.#messages.get(ref);
    if (!message) return undefined;
    this.#messages.delete(message.ref);
    if (message.inFlight) this.#inFlight -= 1;
    clearTimeout(message.timer);
    return message;
  }

  #reject(ref: string, reason: unknown): void {
    this.#remove(ref)?.settle.failed(reason);
    this.#pump();
  }
}

/** Rejects when a message is rejected. */
const rejected = (sent: Promise<Sent>): Promise<never> => sent.then(() => new Promise(() => {}));

const error = (code: string, message: string | undefined) =>
  new HamrahApiError({ status: 0, code, message: message ?? `The relay answered ${code}.` });
