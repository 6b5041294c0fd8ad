/** A consumer of one channel or of several ones, with its bounded buffer. */
import { Feed } from "./feed.js";
import type { Entry } from "./frames.js";
import { type SendFrame, Track } from "./track.js";

/**
 * A consumer that takes nothing for this time loses its place at the relay until it goes on. Else
 * its unread entries would delay the other channels of the socket.
 */
const STALLED_AFTER_MS = 10_000;

export interface ReaderOptions<Value> {
  send: SendFrame;
  /** Converts an entry when the consumer takes it. */
  convert: (entry: Entry) => Promise<Value>;
  /** The largest number of entries in the buffer. */
  bufferSize: number;
  /** The consumer ended the reader. */
  onReturn: () => void;
}

export class Reader<Value> {
  readonly feed: Feed<Entry, Value>;
  readonly tracks = new Map<string, Track>();
  readonly #options: ReaderOptions<Value>;
  #isPaused = false;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ReaderOptions<Value>) {
    this.#options = options;
    this.feed = new Feed(options.convert, {
      onDone: ({ channelId, seq }) => this.tracks.get(channelId)?.done(seq),
      onTaken: () => this.#onTaken(),
      onReturn: () => {
        this.#close();
        options.onReturn();
      },
    });
  }

  /** Adds a channel. `since` is the last sequence number that the consumer has. */
  add(channelId: string, since: number | undefined): Track {
    const track = new Track(channelId, since, this.#options.send, (entry) => this.#push(entry));
    this.tracks.set(channelId, track);
    if (this.#isPaused) track.pause();
    return track;
  }

  /** Ends the iterator after the buffered entries. */
  end(error?: unknown): void {
    this.#close();
    this.feed.end(error);
  }

  #close(): void {
    clearTimeout(this.#stallTimer);
    for (const track of this.tracks.values()) track.close();
    this.tracks.clear();
  }

  #push(entry: Entry): void {
    this.feed.push(entry);
    if (this.feed.size >= this.#options.bufferSize) this.#pause();
    else this.#stallTimer ??= setTimeout(() => this.#pause(), STALLED_AFTER_MS);
  }

  #pause(): void {
    this.#clearTimer();
    if (this.#isPaused) return;
    this.#isPaused = true;
    for (const track of this.tracks.values()) track.pause();
  }

  #onTaken(): void {
    this.#clearTimer();
    if (this.#isPaused && this.feed.size <= this.#options.bufferSize / 2) {
      this.#isPaused = false;
      for (const track of this.tracks.values()) track.resume();
    }
    if (!this.#isPaused && this.feed.size > 0 && this.tracks.size > 0)
      this.#stallTimer = setTimeout(() => this.#pause(), STALLED_AFTER_MS);
  }

  #clearTimer(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
  }
}
