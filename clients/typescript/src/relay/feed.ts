/** The buffer between the socket and a consumer, as an async iterator. */

export interface FeedHooks<Item> {
  /** The consumer has the item and asked for the next one, so it is done with the item. */
  onDone: (item: Item) => void;
  /** The consumer took an item from the buffer. */
  onTaken: () => void;
  /** The consumer wants no more items. */
  onReturn: () => void;
}

/**
 * An async iterator of pushed items. Each item is converted when the consumer takes it, one after
 * the other.
 */
export class Feed<Item, Value> implements AsyncIterableIterator<Value, undefined> {
  readonly #convert: (item: Item) => Promise<Value>;
  readonly #hooks: FeedHooks<Item>;
  #items: Item[] = [];
  #current: { item: Item } | undefined;
  #end: { error: unknown } | undefined;
  #wake: () => void = () => {};
  #turn: Promise<unknown> = Promise.resolve();

  constructor(convert: (item: Item) => Promise<Value>, hooks: FeedHooks<Item>) {
    this.#convert = convert;
    this.#hooks = hooks;
  }

  /** Number of items that the consumer has not taken. */
  get size(): number {
    return this.#items.length;
  }

  push(item: Item): void {
    if (this.#end) return;
    this.#items.push(item);
    this.#wake();
  }

  /** Ends the iterator after the buffered items: with the error, or without one. */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    const result = this.#turn.then(() => this.#take());
    this.#turn = result.catch(() => {});
    return result;
  }

  return(): Promise<IteratorResult<Value, undefined>> {
    this.#items = [];
    const isFirst = this.#end === undefined;
    this.#end = { error: undefined };
    this.#wake();
    if (isFirst) this.#hooks.onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #take(): Promise<IteratorResult<Value, undefined>> {
    const current = this.#current;
    this.#current = undefined;
    if (current) this.#hooks.onDone(current.item);
    while (this.#items.length === 0 && !this.#end)
      await new Promise<void>((resume) => (this.#wake = resume));
    if (this.#items.length > 0) {
      const item = this.#items.shift() as Item;
      this.#current = { item };
      this.#hooks.onTaken();
      return { done: false, value: await this.#convert(item) };
    }
    const error = this.#end?.error;
    // The error is thrown once, and the iterator is at its end afterwards.
    this.#end = { error: undefined };
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }
}
