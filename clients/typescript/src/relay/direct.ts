/** The direct messages of the account, which arrive without a subscription. */
import type { Reader } from "./reader.js";
import type { Channel, PageOptions } from "./routes.js";

export interface DirectOptions {
  /** The last sequence number that the consumer has, by the id of the channel. */
  since: Readonly<Record<string, number>>;
  /** Returns a page of the account's direct messages. */
  list: (options: PageOptions) => Promise<Channel[]>;
  unsubscribe: (channelId: string) => void;
  /** Returns true if the channel has a subscription of its own. */
  isTaken: (channelId: string) => boolean;
}

const PAGE = 100;
/** The time before a failed list is repeated, in milliseconds. */
const LIST_AGAIN_MS = 5000;

/**
 * Finds the direct messages and subscribes to each one. A subscription has an order without holes,
 * and after a lost connection it goes on where it was.
 */
export class DirectMessages<Value> {
  readonly reader: Reader<Value>;
  readonly #options: DirectOptions;
  /** The entries before these numbers are older than the consumer, by channel. */
  readonly #discovered = new Map<string, number>();
  /** Channels that are no direct messages, although their entries arrived. */
  readonly #foreign = new Set<string>();
  /** The direct messages of the last list. Undefined before the first one. */
  #listed: ReadonlySet<string> | undefined;
  #list: AbortController | undefined;
  #listAgain = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(reader: Reader<Value>, options: DirectOptions) {
    this.reader = reader;
    this.#options = options;
  }

  /** Lists the direct messages on an open connection. */
  start(): void {
    this.#foreign.clear();
    this.#refresh();
  }

  /** Notes that the connection was lost. */
  suspend(): void {
    clearTimeout(this.#timer);
    this.#list?.abort();
    this.#list = undefined;
  }

  close(): void {
    this.suspend();
  }

  /** Reads a channel again, after its own subscription ended. */
  adopt(channelId: string): void {
    const track = this.reader.tracks.get(channelId);
    if (track) track.start();
    else this.#refresh();
  }

  /** Forgets a channel that does not exist any more. */
  remove(channelId: string): void {
    this.reader.tracks.get(channelId)?.close();
    this.reader.tracks.delete(channelId);
  }

  /** Takes the id of an unknown channel that has an entry after `since`. */
  discover(channelId: string, since: number): void {
    if (this.#foreign.has(channelId)) return;
    if (!this.#discovered.has(channelId)) this.#discovered.set(channelId, since);
    this.#refresh();
  }

  #refresh(): void {
    if (this.#list) {
      this.#listAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#listAgain = false;
    const list = new AbortController();
    this.#list = list;
    const unknown = [...this.#discovered.keys()];
    this.#all(list.signal).then(
      (channels) => {
        if (!list.signal.aborted) this.#take(channels, unknown);
      },
      () => {
        if (list.signal.aborted) return;
        this.#list = undefined;
        this.#timer = setTimeout(() => this.#refresh(), LIST_AGAIN_MS);
      },
    );
  }

  async #all(signal: AbortSignal): Promise<string[]> {
    const ids: string[] = [];
    for (let after: string | undefined; ; after = ids.at(-1)) {
      const options = { limit: PAGE, signal, ...(after !== undefined && { after }) };
      const page = await this.#options.list(options);
      ids.push(...page.map(({ id }) => id));
      if (page.length < PAGE) return ids;
    }
  }

  /** Adds the listed channels. `unknown` were found before the list was asked for. */
  #take(listed: string[], unknown: string[]): void {
    this.#list = undefined;
    for (const id of listed) {
      if (this.reader.tracks.has(id) || this.#options.isTaken(id)) continue;
      // A direct message that is new since the first list is read from its beginning.
      const isNew = this.#listed !== undefined && !this.#listed.has(id);
      const fallback = isNew ? 0 : this.#discovered.get(id);
      this.reader.add(id, this.#options.since[id] ?? fallback).start();
    }
    for (const id of unknown.filter((id) => !listed.includes(id))) {
      this.#foreign.add(id);
      this.#options.unsubscribe(id);
    }
    for (const id of [...unknown, ...listed]) this.#discovered.delete(id);
    this.#listed = new Set(listed);
    if (this.#listAgain && this.#discovered.size > 0) this.#refresh();
  }
}
