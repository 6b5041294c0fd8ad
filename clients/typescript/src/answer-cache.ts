/** What the authorization service said about a token that is good. Frozen: it is handed out more than once. */
export interface Answer {
  readonly ok: true;
  readonly user: { readonly user_id: number; readonly username: string; readonly name: string };
  readonly service_id: number;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly policy_version: number;
  /** For how many seconds this may be relied on: not longer than the first of the grants lasts. */
  readonly max_age: number;
  /** When the token ends, in seconds since 1970. */
  readonly expires_at: number;
}

/** A question that was asked: its place in the order of all of them, and when it was sent, in milliseconds. */
export interface Asked {
  order: number;
  at: number;
}

interface Entry {
  answer: Answer;
  asked: Asked;
  /** In milliseconds. */
  until: number;
}

/**
 * Good answers of one service, each by its token's hash, until their time. The policy version is that of all of them: when a newer one is
 * seen, everything older goes.
 */
export class Kept {
  readonly #entries = new Map<string, Entry>();
  readonly #maxAge: number;
  readonly #most: number;
  readonly #renewWithin: number;
  #newest: { service: number; version: number; seen: number } | undefined;

  /** `maxAge` and `renewWithin` in milliseconds; at most `most` entries. */
  constructor(maxAge: number, most: number, renewWithin: number) {
    this.#maxAge = maxAge;
    this.#most = most;
    this.#renewWithin = renewWithin;
  }

  get(key: string, now: number): Answer | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    // A clock that was set back would make an answer live longer.
    if (now < entry.asked.at || now >= entry.until) return undefined;
    // Used last, so it leaves last.
    this.#entries.set(key, entry);
    return entry.answer;
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Notes the version of an answer; whether the answer is of the newest. */
  sees({ service_id: service, policy_version: version }: Answer, { at }: Asked): boolean {
    const newest = this.#newest;
    // Once nothing of the newest version can be kept any more it counts no longer: a restored database counts on from an older one.
    const counts =
      newest !== undefined && newest.service === service && at < newest.seen + this.#maxAge;
    if (counts && version < newest.version) return false;
    if (newest && (newest.service !== service || newest.version !== version)) this.clear();
    this.#newest = { service, version, seen: Math.max(at, counts ? newest.seen : at) };
    return true;
  }

  /** Keeps an answer, counted from when it was asked for: the service looked after that. */
  keep(key: string, answer: Answer, asked: Asked, now: number): void {
    // In its last seconds a token is renewed by being asked about: answered from here, it would end in its user's hands.
    const until = Math.min(
      asked.at + Math.min(this.#maxAge, answer.max_age * 1000),
      answer.expires_at * 1000 - this.#renewWithin,
    );
    const there = this.#entries.get(key);
    if (until <= now || now < asked.at || (there && there.asked.order > asked.order)) return;
    this.#entries.delete(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#most) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { answer, asked, until });
  }
}
