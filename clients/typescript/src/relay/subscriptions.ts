/** The consumers of the relay: it brings each entry to the one that reads its channel. */
import { HamrahApiError } from "../error.js";
import { DirectMessages } from "./direct.js";
import { type Entry, type ServerPayloads, firstOf } from "./frames.js";
import { Reader, type ReaderOptions } from "./reader.js";
import type { channelRoutes, messageRoutes } from "./routes.js";
import type { Track } from "./track.js";

export interface SubscriptionsOptions<Value> extends Pick<
  ReaderOptions<Value>,
  "send" | "convert" | "bufferSize"
> {
  channels: ReturnType<typeof channelRoutes>;
  messages: ReturnType<typeof messageRoutes>;
}

/** The times after which the client looks for a refused subscription, in milliseconds. */
const FIRST_CHECK_MS = 1000;
const LATEST_CHECK_MS = 30_000;

export class Subscriptions<Value> {
  readonly #options: SubscriptionsOptions<Value>;
  readonly #readers = new Map<string, Reader<Value>>();
  #direct: DirectMessages<Value> | undefined;
  #isOpen = false;
  #checks = 0;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SubscriptionsOptions<Value>) {
    this.#options = options;
  }

  /** Reads a channel. `since` is the last sequence number that the consumer has. */
  subscribe(channelId: string, since: number | undefined): Reader<Value> {
    if (this.#readers.has(channelId)) throw alreadyRead("The channel");
    const onReturn = () => {
      this.#readers.delete(channelId);
      if (this.#isOpen) this.#direct?.adopt(channelId);
    };
    const reader = new Reader({ ...this.#options, onReturn });
    this.#readers.set(channelId, reader);
    const track = reader.add(channelId, since);
    if (this.#isOpen) track.start();
    return reader;
  }

  /** Reads all direct messages, except those with a subscription of their own. */
  directMessages(since: Readonly<Record<string, number>>): Reader<Value> {
    if (this.#direct) throw alreadyRead("The direct messages");
    const onReturn = () => {
      this.#direct?.close();
      this.#direct = undefined;
    };
    const reader = new Reader({ ...this.#options, onReturn });
    this.#direct = new DirectMessages(reader, {
      since,
      list: this.#options.channels.directMessages,
      unsubscribe: (id) => this.#options.send({ type: "Unsubscribe", payload: { channel_id: id } }),
      isTaken: (id) => this.#readers.has(id),
    });
    if (this.#isOpen) this.#direct.start();
    return reader;
  }

  /** Subscribes again on a new connection. */
  start(): void {
    this.#isOpen = true;
    for (const track of this.#tracks()) track.start();
    this.#direct?.start();
  }

  /** Notes that the connection was lost. */
  suspend(): void {
    this.#isOpen = false;
    clearTimeout(this.#checkTimer);
    this.#checkTimer = undefined;
    this.#direct?.suspend();
    for (const track of this.#tracks()) track.suspend();
  }

  /** Ends every consumer after its buffered entries. */
  end(error?: unknown): void {
    this.suspend();
    const readers = [...this.#readers.values()];
    this.#readers.clear();
    const direct = this.#direct;
    this.#direct = undefined;
    for (const reader of readers) reader.end(error);
    direct?.close();
    direct?.reader.end(error);
  }

  take(entry: Entry): void {
    const track = this.#trackOf(entry.channelId);
    if (track) {
      track.take(entry);
      return;
    }
    // Unread entries of a channel without a consumer would fill the socket's window at the relay.
    const payload = { channel_id: entry.channelId, seq: entry.seq };
    this.#options.send({ type: "Ack", payload });
    this.#direct?.discover(entry.channelId, firstOf(entry) - 1);
  }

  subscribed({ channel_id: channelId, head }: ServerPayloads["Subscribed"]): void {
    this.#checks = 0;
    this.#trackOf(channelId)?.subscribed(head);
  }

  /**
   * Takes an error of a frame without a `ref`. It names no channel, so the client asks for each
   * channel of which the subscription was not answered.
   */
  refused(): void {
    if (!this.#tracks().some((track) => track.isCatching)) return;
    const pause = Math.min(FIRST_CHECK_MS * 2 ** this.#checks, LATEST_CHECK_MS);
    this.#checkTimer ??= setTimeout(() => {
      this.#checkTimer = undefined;
      this.#checks += 1;
      for (const track of this.#tracks()) if (track.isCatching) void this.#check(track);
    }, pause);
  }

  async #check(track: Track): Promise<void> {
    const { channelId } = track;
    try {
      await this.#options.messages.since(channelId, track.last ?? 0, { limit: 1 });
    } catch (error) {
      if (error instanceof HamrahApiError && [403, 404].includes(error.status)) {
        this.#endChannel(channelId, error);
        return;
      }
    }
    if (track.isCatching && this.#trackOf(channelId) === track) track.start();
  }

  #endChannel(channelId: string, error: unknown): void {
    const reader = this.#readers.get(channelId);
    if (!reader) {
      this.#direct?.remove(channelId);
      return;
    }
    this.#readers.delete(channelId);
    reader.end(error);
  }

  #trackOf(channelId: string): Track | undefined {
    const reader = this.#readers.get(channelId) ?? this.#direct?.reader;
    return reader?.tracks.get(channelId);
  }

  #tracks(): Track[] {
    const own = [...this.#readers.values()].flatMap((reader) => [...reader.tracks.values()]);
    const direct = [...(this.#direct?.reader.tracks.values() ?? [])];
    return [...own, ...direct.filter(({ channelId }) => !this.#readers.has(channelId))];
  }
}

const alreadyRead = (name: string) =>
  new HamrahApiError({
    status: 0,
    code: "already_subscribed",
    message: `${name} has a consumer. End that one first.`,
  });
