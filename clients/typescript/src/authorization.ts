/**
 * A client of the authorization service for backends.
 *
 * It checks a user's token and returns the user, with their roles and permissions in the backend's
 * service. Positive answers are cached for reads, for at most a minute. A write always asks the
 * service. `docs/CLIENTS.md` describes the whole sequence.
 *
 * ```ts
 * const client = new AuthorizationClient({ url: "https://api.hamrah.app", service: "Stock" });
 * const checked = await client.check(request.headers.get("token"), { permission: "read" });
 * if (!checked.ok) return Response.json({ error: checked.error }, { status: checked.status });
 * ```
 */
import { type Answer, AnswerCache, type Sent } from "./answer-cache.js";
import { retryAfterOf } from "./error.js";
import { originOf } from "./origin.js";

export type { Answer } from "./answer-cache.js";

/** The reason why the service refuses a token. */
export type TokenError = "missing_token_header" | "invalid_token" | "expired_token";

/** The token is not valid. */
export interface Unauthorized {
  readonly ok: false;
  readonly status: 401;
  readonly error: TokenError;
}

/** The token is valid, but its user does not have the permission in this service. */
export interface Forbidden {
  readonly ok: false;
  readonly status: 403;
  readonly error: "forbidden";
  readonly permission: string;
}

/** The token is valid. `cached` is true if the answer came from the cache. */
export type Allowed = Answer & { readonly cached: boolean };

/** The result of a check. */
export type Checked = Allowed | Unauthorized | Forbidden;

export interface AuthorizationOptions {
  /** URL of the authorization service, such as `https://api.hamrah.app`. */
  url: string;
  /** Name or number of this backend's service. */
  service: string | number;
  /** Name of this client in the logs of the authorization service. */
  clientId?: string;
  /** Sends a request. The default is `fetch`. Call `bind` on a service binding's `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  /** Returns the time in milliseconds since 1970. */
  now?: () => number;
  /** How long a positive answer is cached for reads, in seconds: at most 60, 0 for never. */
  maxAge?: number;
  /**
   * The last part of a token's life, in seconds, in which the client always asks the service, which
   * renews the token. Default 30, like the service's `TOKEN_RENEW_THRESHOLD_SECONDS`.
   */
  renewWithin?: number;
  /** How long the client waits for the service, in milliseconds. Default 5000. */
  timeout?: number;
  /** Maximum number of cached answers. Default 10,000. */
  maxEntries?: number;
  /**
   * Whether concurrent reads with one token share a request. The default is true, except in a
   * Cloudflare Worker, where a visitor's request must not wait for another visitor's request.
   */
  share?: boolean;
}

export interface CheckOptions {
  /** True if the request changes something. The check then ignores the cache. */
  write?: boolean;
  /** Name of the permission that the user must have. If omitted, every valid token passes. */
  permission?: string;
}

/**
 * The error for a check without an answer from the service. It is not known whether the token is
 * valid, so the backend must refuse the request with a 503.
 */
export class AuthorizationUnavailable extends Error {
  override readonly name = "AuthorizationUnavailable";
  /** HTTP status of the response, or 0 if there was none. */
  readonly status: number;
  /** Error code of the response, or `network`, `timeout` or `invalid_answer`. */
  readonly code: string;
  /** Seconds to wait before the next check, if the service named them. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    code: string,
    { retryAfter, cause }: { retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(
      `The authorization service did not answer the check: ${code}. Try again later.`,
      cause === undefined ? undefined : { cause },
    );
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The requests in flight for one token. */
interface InFlight {
  running: number;
  /**
   * Answers to requests up to this number are not cached, because the service refused the token or
   * the backend forgot it.
   */
  barrier: number;
  shared: Promise<Answer | Unauthorized> | undefined;
}

const MAX_AGE_S = 60;
/** Any other text is not a token, and could break out of the header. */
const TOKEN = /^[A-Za-z0-9._~+/=-]{1,256}$/;

/** A client that checks the tokens of one backend's users. */
export class AuthorizationClient {
  // `#` fields do not appear when a client is printed, so cached answers stay private.
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #body: string;
  readonly #send: (request: Request) => Promise<Response>;
  readonly #now: () => number;
  readonly #timeout: number;
  readonly #share: boolean;
  readonly #cache: AnswerCache;
  readonly #inFlight = new Map<string, InFlight>();
  #order = 0;
  #barrier = 0;

  constructor(options: AuthorizationOptions) {
    const { service, clientId, maxAge = MAX_AGE_S, renewWithin = 30 } = options;
    const { timeout = 5000, maxEntries = 10_000 } = options;
    if (service === "" || !["string", "number"].includes(typeof service)) {
      throw new TypeError("service must be a name or a number");
    }
    if (!(maxAge >= 0) || !(renewWithin >= 0)) {
      throw new TypeError("maxAge and renewWithin must not be negative");
    }
    if (!(timeout > 0) || !(maxEntries >= 1)) {
      throw new TypeError("timeout and maxEntries must be positive");
    }
    this.#url = `${originOf(options.url)}/check-token`;
    this.#headers = { Accept: "application/json", "Content-Type": "application/json" };
    if (clientId !== undefined) this.#headers["x-client-id"] = clientId;
    // Throws for an invalid client id here, instead of at the first check.
    new Headers(this.#headers);
    this.#body = JSON.stringify({ service_id: service });
    this.#send = options.fetch ?? ((request) => fetch(request));
    this.#now = options.now ?? Date.now;
    this.#timeout = timeout;
    this.#share = options.share ?? globalThis.navigator?.userAgent !== "Cloudflare-Workers";
    const maxAgeMs = Math.min(maxAge, MAX_AGE_S) * 1000;
    this.#cache = new AnswerCache(maxAgeMs, maxEntries, renewWithin * 1000);
  }

  /**
   * Checks a token from the `token` header and, if given, a permission.
   *
   * Throws {@link AuthorizationUnavailable} if the service does not answer.
   */
  async check(token: string | null | undefined, options: CheckOptions = {}): Promise<Checked> {
    const { write = false, permission } = options;
    // A mistyped variable must not turn into a check without a permission.
    if ("permission" in options && typeof permission !== "string") {
      throw new TypeError("permission must be a name");
    }
    if (token === null || token === undefined) return refused("missing_token_header");
    if (!TOKEN.test(token)) return refused("invalid_token");
    const key = await keyOf(token);
    // A cached answer is used only if it has the permission, so a new grant takes effect at once.
    const cached = write ? undefined : this.#cache.get(key, this.#now());
    if (cached && hasPermission(cached, permission)) return { ...cached, cached: true };
    const answer = await this.#ask(key, token, write);
    if (!answer.ok) return answer;
    if (permission !== undefined && !hasPermission(answer, permission)) {
      return { ok: false, status: 403, error: "forbidden", permission };
    }
    return { ...answer, cached: false };
  }

  /** Forgets a token after its logout. Later reads with it ask the service again. */
  async forget(token: string): Promise<void> {
    this.#remove(await keyOf(token));
  }

  #remove(key: string): void {
    this.#cache.remove(key);
    const inFlight = this.#inFlight.get(key);
    if (!inFlight) return;
    inFlight.barrier = this.#order;
    inFlight.shared = undefined;
  }

  /**
   * Asks the service. A read may join a request in flight. A write may not, because that request
   * may have been answered before a change that the write must respect.
   */
  #ask(key: string, token: string, write: boolean): Promise<Answer | Unauthorized> {
    const inFlight = this.#inFlight.get(key) ?? { running: 0, barrier: 0, shared: undefined };
    if (!write && inFlight.shared) return inFlight.shared;
    this.#inFlight.set(key, inFlight);
    inFlight.running += 1;
    this.#order += 1;
    const sent = { order: this.#order, at: this.#now() };
    const done = () => {
      if (inFlight.shared === answer) inFlight.shared = undefined;
      inFlight.running -= 1;
      if (inFlight.running === 0) this.#inFlight.delete(key);
    };
    const answer = this.#request(token)
      .then((received) => this.#learn(key, inFlight, sent, received))
      .finally(done);
    if (this.#share) inFlight.shared = answer;
    return answer;
  }

  /** Caches a positive answer, or removes the token from the cache. Returns the answer. */
  #learn(
    key: string,
    inFlight: InFlight,
    sent: Sent,
    answer: Answer | Unauthorized,
  ): Answer | Unauthorized {
    if (!answer.ok) {
      this.#remove(key);
      return answer;
    }
    const isNewest = this.#cache.recordVersion(answer, sent);
    if (isNewest && sent.order > Math.max(inFlight.barrier, this.#barrier)) {
      this.#cache.store(key, answer, sent, this.#now());
    }
    return answer;
  }

  async #request(token: string): Promise<Answer | Unauthorized> {
    const controller = new AbortController();
    const request = new Request(this.#url, {
      method: "POST",
      headers: { ...this.#headers, token },
      body: this.#body,
      // Redirects are not followed. They could send the token to another host.
      redirect: "manual",
      signal: controller.signal,
    });
    const { response, body } = await this.#inTime(this.#receive(request), controller);
    const { status } = response;
    if (status === 200) {
      const answer = parseAnswer(body);
      if (answer) return answer;
    }
    if (status === 401) {
      const refusal = parseRefusal(body);
      if (refusal) return refusal;
    }
    const code = status >= 400 ? codeIn(body) : undefined;
    if (status === 404 && code === "service_not_found") {
      // The service was deleted, so no cached answer is valid any more.
      this.#cache.clear();
      this.#barrier = this.#order;
    }
    const retryAfter = retryAfterOf(response.headers);
    throw new AuthorizationUnavailable(status, code ?? "invalid_answer", { retryAfter });
  }

  async #receive(request: Request): Promise<{ response: Response; body: unknown }> {
    try {
      const response = await this.#send(request);
      return { response, body: parseJson(await response.text()) };
    } catch (cause) {
      throw new AuthorizationUnavailable(0, "network", { cause });
    }
  }

  /** Rejects after the timeout. A timer is needed because `options.fetch` may ignore the signal. */
  async #inTime<T>(work: Promise<T>, controller: AbortController): Promise<T> {
    let timer;
    const timedOut = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new AuthorizationUnavailable(0, "timeout"));
        controller.abort();
      }, this.#timeout);
    });
    try {
      return await Promise.race([work, timedOut]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const refused = (error: TokenError): Unauthorized => ({ ok: false, status: 401, error });

const hasPermission = (answer: Answer, permission: string | undefined): boolean =>
  permission === undefined || answer.permissions.includes(permission);

/** Returns the SHA-256 of a token. The token itself is never stored. */
const keyOf = async (token: string): Promise<string> => {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return String.fromCharCode(...new Uint8Array(hash));
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

type Fields = Record<string, unknown>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};
const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);

/**
 * Reads the body of a 200. Returns undefined if a field is missing or has another type, so that the
 * page of a proxy cannot let a request pass.
 */
const parseAnswer = (body: unknown): Answer | undefined => {
  const { valid, payload, access, expires_at } = fieldsOf(body);
  const { user_id, username, name } = fieldsOf(payload);
  const { service_id, roles, permissions, policy_version, max_age } = fieldsOf(access);
  if (valid !== true || !isInteger(expires_at)) return undefined;
  if (!isInteger(user_id) || typeof username !== "string" || typeof name !== "string") {
    return undefined;
  }
  if (!isInteger(service_id) || !isInteger(policy_version) || !isInteger(max_age)) {
    return undefined;
  }
  if (!isNames(roles) || !isNames(permissions)) return undefined;
  return Object.freeze({
    ok: true,
    user: Object.freeze({ user_id, username, name }),
    service_id,
    roles: Object.freeze(roles),
    permissions: Object.freeze(permissions),
    policy_version,
    max_age,
    expires_at,
  });
};

/** Reads the body of a 401. Returns undefined if it is not from the authorization service. */
const parseRefusal = (body: unknown): Unauthorized | undefined => {
  const { valid, error } = fieldsOf(body);
  if (valid !== false) return undefined;
  const isKnown = error === "expired_token" || error === "missing_token_header";
  return refused(isKnown ? error : "invalid_token");
};

const codeIn = (body: unknown): string | undefined => {
  const { error } = fieldsOf(body);
  return typeof error === "string" && /^[a-z_]{1,64}$/.test(error) ? error : undefined;
};
