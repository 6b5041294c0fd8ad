/** The order of one channel: each sequence number is delivered once, and none is left out. */
import { type ClientFrame, type Entry, firstOf } from "./frames.js";

/** Sends a frame if the connection is open, and returns whether it was. */
export type SendFrame = (frame: ClientFrame) => boolean;

/** The client acknowledges after this number of entries, or after this time. */
const ENTRIES_PER_ACK = 16;
const ACK_AFTER_MS = 1000;
/** The largest number of entries that wait for an earlier one. */
const MOST_HELD = 256;

/**
 * How far the relay is on this connection: not subscribed, sending the entries after `since`, or
 * sending new entries.
 */
type Phase = "off" | "catching" | "live";

export class Track {
  readonly channelId: string;
  readonly #send: SendFrame;
  readonly #deliver: (entry: Entry) => void;
  /** The last sequence number that was delivered. Undefined: the first entry decides. */
  #last: number | undefined;
  /** Entries after a missing one, by their first sequence number. */
  readonly #held = new Map<number, Entry>();
  #phase: Phase = "off";
  #isPaused = false;
  /** Whether entries were discarded, so that the relay must send them again. */
  #discarded = false;
  #doneSeq = 0;
  #unacknowledged = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    channelId: string,
    since: number | undefined,
    send: SendFrame,
    deliver: (entry: Entry) => void,
  ) {
    this.channelId = channelId;
    this.#last = since;
    this.#send = send;
    this.#deliver = deliver;
  }

  /** Whether the relay still owes the answer to a subscription. */
  get isCatching(): boolean {
    return this.#phase === "catching";
  }

  /** The last sequence number that was delivered. */
  get last(): number | undefined {
    return this.#last;
  }

  /** Subscribes on an open connection: a new one, or after the relay failed to. */
  start(): void {
    this.#phase = "off";
    if (!this.#isPaused) this.#subscribe();
    if (this.#unacknowledged > 0) this.#acknowledge();
  }

  /** Notes that the connection was lost. */
  suspend(): void {
    this.#phase = "off";
  }

  /** Ends the subscription. */
  close(): void {
    clearTimeout(this.#ackTimer);
    if (this.#phase !== "off") this.#unsubscribe();
  }

  /** Discards entries until `resume`. The relay sends them again then. */
  pause(): void {
    this.#isPaused = true;
    // During the catch-up the client waits for its end: one answer belongs to one subscription.
    if (this.#phase === "live") this.#unsubscribe();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#phase === "off") this.#subscribe();
  }

  take(entry: Entry): void {
    if (this.#isPaused) {
      this.#discarded = true;
      return;
    }
    this.#last ??= firstOf(entry) - 1;
    if (entry.seq <= this.#last) {
      // The relay counts a repeated entry as unread until it is acknowledged.
      if (entry.seq <= this.#doneSeq) this.#acknowledgeSoon();
    } else if (firstOf(entry) <= this.#last + 1) {
      this.#pass(entry);
      this.#passHeld();
    } else {
      this.#hold(entry);
      if (this.#phase === "live") this.#subscribe();
    }
  }

  /** Takes the end of a catch-up. Every entry up to `head` was sent before. */
  subscribed(head: number): void {
    if (this.#phase !== "catching") return;
    this.#phase = "live";
    if (this.#isPaused) return this.#unsubscribe();
    if (this.#discarded) return this.#subscribe();
    this.#last ??= head;
    while (this.#last < head) {
      const next = Math.min(head, ...[...this.#held.keys()].map((first) => first - 1));
      const [from, to] = [this.#last + 1, next];
      const { channelId } = this;
      this.#pass({ kind: "gap", channelId, seq: to, from, to, reason: "unknown" });
      this.#passHeld();
    }
    if (this.#held.size > 0 && !this.#isPaused) this.#subscribe();
  }

  /** Notes that the consumer is done with an entry. */
  done(seq: number): void {
    this.#doneSeq = Math.max(this.#doneSeq, seq);
    this.#acknowledgeSoon();
  }

  #subscribe(): void {
    // The relay keeps the place of a subscription that it has, so that one is ended first.
    if (this.#last !== undefined) this.#unsubscribe();
    this.#discarded = false;
    const since = this.#last === undefined ? {} : { since: this.#last };
    const payload = { channel_id: this.channelId, ...since };
    this.#phase = this.#send({ type: "Subscribe", payload }) ? "catching" : "off";
  }

  #unsubscribe(): void {
    this.#phase = "off";
    this.#send({ type: "Unsubscribe", payload: { channel_id: this.channelId } });
  }

  #hold(entry: Entry): void {
    if (this.#held.size >= MOST_HELD) this.#discarded = true;
    else if (!this.#held.has(firstOf(entry))) this.#held.set(firstOf(entry), entry);
  }

  #passHeld(): void {
    const held = [...this.#held.values()].sort((a, b) => firstOf(a) - firstOf(b));
    for (const entry of held) {
      if (firstOf(entry) > (this.#last ?? 0) + 1) return;
      this.#held.delete(firstOf(entry));
      if (entry.seq > (this.#last ?? 0)) this.#pass(entry);
    }
  }

  #pass(entry: Entry): void {
    const from = (this.#last ?? 0) + 1;
    this.#last = entry.seq;
    this.#deliver(entry.kind === "gap" ? { ...entry, from } : entry);
  }

  #acknowledgeSoon(): void {
    this.#unacknowledged += 1;
    if (this.#unacknowledged >= ENTRIES_PER_ACK) this.#acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_AFTER_MS);
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    const payload = { channel_id: this.channelId, seq: this.#doneSeq };
    if (this.#send({ type: "Ack", payload })) this.#unacknowledged = 0;
  }
}
