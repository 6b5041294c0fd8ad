/** The authorization service's answer about a valid token. Frozen, because callers share it. */
export interface Answer {
  readonly ok: true;
  readonly user: { readonly user_id: number; readonly username: string; readonly name: string };
  readonly service_id: number;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** Version of the service's policy. It grows with every change of a grant. */
  readonly policy_version: number;
  /** How long the answer may be used, in seconds. It ends before the first grant expires. */
  readonly max_age: number;
  /** When the token expires, in seconds since 1970. */
  readonly expires_at: number;
}

/** When a check was sent. */
export interface Sent {
  /** Position in the order of all checks of this client. */
  order: number;
  /** Milliseconds since 1970. */
  at: number;
}

interface Entry {
  answer: Answer;
  sent: Sent;
  /** When the entry expires, in milliseconds since 1970. */
  until: number;
}

/**
 * A cache of positive answers for one service, by the hash of the token.
 *
 * The policy version applies to the whole service. An answer with a newer version therefore removes
 * all older entries.
 */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>();
  readonly #maxAge: number;
  readonly #maxEntries: number;
  readonly #renewWithin: number;
  #newest: { service: number; version: number; seen: number } | undefined;

  /** `maxAge` and `renewWithin` are in milliseconds. */
  constructor(maxAge: number, maxEntries: number, renewWithin: number) {
    this.#maxAge = maxAge;
    this.#maxEntries = maxEntries;
    this.#renewWithin = renewWithin;
  }

  /** Returns the answer for a token, unless it has expired. */
  get(key: string, now: number): Answer | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    // Without the first condition, a clock that was set back would extend the entry.
    if (now < entry.sent.at || now >= entry.until) return undefined;
    // Inserted at the end: the map's order is the order of use.
    this.#entries.set(key, entry);
    return entry.answer;
  }

  remove(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Records the policy version of an answer. Returns false if a newer version is known. */
  recordVersion({ service_id: service, policy_version: version }: Answer, { at }: Sent): boolean {
    const newest = this.#newest;
    // After `maxAge` the known version no longer counts, because no entry depends on it. A database
    // that was restored from a backup continues with an older version.
    const counts =
      newest !== undefined && newest.service === service && at < newest.seen + this.#maxAge;
    if (counts && version < newest.version) return false;
    if (newest && (newest.service !== service || newest.version !== version)) this.clear();
    this.#newest = { service, version, seen: Math.max(at, counts ? newest.seen : at) };
    return true;
  }

  /** Stores an answer. Its age counts from the request, because the service read the data later. */
  store(key: string, answer: Answer, sent: Sent, now: number): void {
    // A check in the token's last seconds renews it, so these checks must reach the service.
    const renewal = answer.expires_at * 1000 - this.#renewWithin;
    const age = Math.min(this.#maxAge, answer.max_age * 1000);
    const until = Math.min(sent.at + age, renewal);
    const current = this.#entries.get(key);
    const isOlder = current !== undefined && current.sent.order > sent.order;
    if (until <= now || now < sent.at || isOlder) return;
    this.#entries.delete(key);
    for (const leastUsed of this.#entries.keys()) {
      if (this.#entries.size < this.#maxEntries) break;
      this.#entries.delete(leastUsed);
    }
    this.#entries.set(key, { answer, sent, until });
  }
}
