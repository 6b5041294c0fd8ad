/**
 * A client for backends of the authorization service: who a user's token is of, and what they may do in this backend's service.
 * Good answers are kept for a minute at most, for reads. A write always asks. docs/CLIENTS.md has the whole sequence.
 */
import { retryAfterOf } from "./error.js";
import { type Answer, type Asked, Kept } from "./answer-cache.js";
import { originOf } from "./origin.js";

export type { Answer } from "./answer-cache.js";

/** Why a token is refused. */
export type TokenError = "missing_token_header" | "invalid_token" | "expired_token";
/** The token is not good. */
export interface Unauthorized {
  readonly ok: false;
  readonly status: 401;
  readonly error: TokenError;
}
/** The token is good, but whoever has it may not do that here. */
export interface Forbidden {
  readonly ok: false;
  readonly status: 403;
  readonly error: "forbidden";
  readonly permission: string;
}
/** The token is good; `cached` says whether that was known, or has just been asked. */
export type Allowed = Answer & { readonly cached: boolean };
export type Checked = Allowed | Unauthorized | Forbidden;

export interface AuthorizationOptions {
  /** The service's URL, such as `https://api.hamrah.app`. */
  url: string;
  /** This backend's service, by its name or its number. */
  service: string | number;
  /** Logged by the service, nothing else. */
  clientId?: string;
  /** What sends a request: `fetch`, or that of a service binding, which must be bound to it. */
  fetch?: (request: Request) => Promise<Response>;
  /** The time, in milliseconds since 1970. */
  now?: () => number;
  /** For how many seconds a good answer is kept for reads: 60 at most, 0 keeps nothing. */
  maxAge?: number;
  /** A token with so many seconds left or less is always asked about, which renews it: 30, as the service's `TOKEN_RENEW_THRESHOLD_SECONDS`. */
  renewWithin?: number;
  /** After how many milliseconds an answer comes too late: 5000. */
  timeout?: number;
  /** How many answers are kept: 10,000. */
  maxEntries?: number;
  /**
   * Whether reads of one token that come at once share a request. Not in a Cloudflare Worker, where a request of one visitor's must not
   * be waited for by another's: there it is off by itself.
   */
  share?: boolean;
}

export interface CheckOptions {
  /** The request changes something: the service is asked, whatever is known. */
  write?: boolean;
  /** What the user must be allowed to do, by the permission's name. */
  permission?: string;
}

/**
 * The service could not be asked, or did not answer as it does: nobody knows whether the token is good, so the request must be refused,
 * with a 503. `code` is the service's own, or `network`, `timeout`, `invalid_answer`.
 */
export class AuthorizationUnavailable extends Error {
  override readonly name = "AuthorizationUnavailable";
  /** The status of the service's answer; 0 if there was none. */
  readonly status: number;
  readonly code: string;
  /** Seconds after which it may be asked again, where the service said so. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    code: string,
    { retryAfter, cause }: { retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(
      `The authorization service cannot be asked: ${code}.`,
      cause === undefined ? undefined : { cause },
    );
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** What is under way for one token. */
interface Asking {
  running: number;
  /** What was asked up to here is not kept: the token was refused or forgotten meanwhile. */
  barrier: number;
  shared: Promise<Answer | Unauthorized> | undefined;
}

const MOST_SECONDS = 60;
/** Anything else cannot be a token, and could end a header. */
const TOKEN = /^[A-Za-z0-9._~+/=-]{1,256}$/;

export class AuthorizationClient {
  // Private to the language, so that printing a client shows nothing of what it keeps.
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #body: string;
  readonly #send: (request: Request) => Promise<Response>;
  readonly #now: () => number;
  readonly #timeout: number;
  readonly #share: boolean;
  readonly #kept: Kept;
  readonly #asking = new Map<string, Asking>();
  #order = 0;
  #barrier = 0;

  constructor(options: AuthorizationOptions) {
    const {
      service,
      clientId,
      maxAge = MOST_SECONDS,
      timeout = 5000,
      maxEntries = 10_000,
      renewWithin = 30,
    } = options;
    if (service === "" || !["string", "number"].includes(typeof service))
      throw new TypeError("service must be a name or a number");
    if (!(maxAge >= 0) || !(renewWithin >= 0))
      throw new TypeError("maxAge and renewWithin must not be negative");
    if (!(timeout > 0) || !(maxEntries >= 1))
      throw new TypeError("timeout and maxEntries must be positive");
    this.#url = `${originOf(options.url)}/check-token`;
    this.#headers = { Accept: "application/json", "Content-Type": "application/json" };
    if (clientId !== undefined) this.#headers["x-client-id"] = clientId;
    // A wrong client id is refused here, and not at the first request.
    new Headers(this.#headers);
    this.#body = JSON.stringify({ service_id: service });
    this.#send = options.fetch ?? ((request) => fetch(request));
    this.#now = options.now ?? Date.now;
    this.#timeout = timeout;
    this.#share = options.share ?? globalThis.navigator?.userAgent !== "Cloudflare-Workers";
    this.#kept = new Kept(Math.min(maxAge, MOST_SECONDS) * 1000, maxEntries, renewWithin * 1000);
  }

  /**
   * Whether a token, as it came in the header `token`, is good, and whether whoever has it may do that.
   * Throws {@link AuthorizationUnavailable} where that cannot be known.
   */
  async check(token: string | null | undefined, options: CheckOptions = {}): Promise<Checked> {
    const { write = false, permission } = options;
    // A name that was mistyped somewhere must not become a check without a permission.
    if ("permission" in options && typeof permission !== "string")
      throw new TypeError("permission must be a name");
    if (token === null || token === undefined) return refused("missing_token_header");
    if (!TOKEN.test(token)) return refused("invalid_token");
    const key = await keyOf(token);
    const known = write ? undefined : this.#kept.get(key, this.#now());
    if (known && may(known, permission)) return { ...known, cached: true };
    // Only what is allowed is taken from what is kept: a new grant is good at once.
    const answer = await this.#ask(key, token, write);
    if (!answer.ok) return answer;
    if (permission !== undefined && !may(answer, permission))
      return { ok: false, status: 403, error: "forbidden", permission };
    return { ...answer, cached: false };
  }

  /** Forgets a token, after its logout: once this is done no read is answered from what was known. */
  async forget(token: string): Promise<void> {
    this.#drop(await keyOf(token));
  }

  #drop(key: string): void {
    this.#kept.drop(key);
    const asking = this.#asking.get(key);
    if (!asking) return;
    asking.barrier = this.#order;
    asking.shared = undefined;
  }

  /** A write shares nothing: a request that is under way may have been answered before what the write must not miss. */
  #ask(key: string, token: string, write: boolean): Promise<Answer | Unauthorized> {
    const asking = this.#asking.get(key) ?? { running: 0, barrier: 0, shared: undefined };
    if (!write && asking.shared) return asking.shared;
    this.#asking.set(key, asking);
    asking.running += 1;
    this.#order += 1;
    const asked = { order: this.#order, at: this.#now() };
    const done = () => {
      if (asking.shared === answer) asking.shared = undefined;
      asking.running -= 1;
      if (asking.running === 0) this.#asking.delete(key);
    };
    const answer = this.#request(token)
      .then((said) => this.#learn(key, asking, asked, said))
      .finally(done);
    if (this.#share) asking.shared = answer;
    return answer;
  }

  #learn(
    key: string,
    asking: Asking,
    asked: Asked,
    said: Answer | Unauthorized,
  ): Answer | Unauthorized {
    if (!said.ok) this.#drop(key);
    else if (
      this.#kept.sees(said, asked) &&
      asked.order > Math.max(asking.barrier, this.#barrier)
    ) {
      this.#kept.keep(key, said, asked, this.#now());
    }
    return said;
  }

  async #request(token: string): Promise<Answer | Unauthorized> {
    const headers = { ...this.#headers, token };
    const ending = new AbortController();
    // A redirect is never followed: it could carry the token to another host.
    const request = new Request(this.#url, {
      method: "POST",
      headers,
      body: this.#body,
      redirect: "manual",
      signal: ending.signal,
    });
    const { response, body } = await this.#inTime(this.#sent(request), ending);
    const said =
      response.status === 200
        ? answerIn(body)
        : response.status === 401
          ? refusalIn(body)
          : undefined;
    if (said) return said;
    const code = response.status >= 400 ? codeIn(body) : undefined;
    if (response.status === 404 && code === "service_not_found") {
      // Nobody may do anything in a service that is gone.
      this.#kept.clear();
      this.#barrier = this.#order;
    }
    throw new AuthorizationUnavailable(response.status, code ?? "invalid_answer", {
      retryAfter: retryAfterOf(response.headers),
    });
  }

  async #sent(request: Request): Promise<{ response: Response; body: unknown }> {
    try {
      const response = await this.#send(request);
      return { response, body: parsed(await response.text()) };
    } catch (cause) {
      throw new AuthorizationUnavailable(0, "network", { cause });
    }
  }

  /** By a timer of its own: what sends may not heed the signal. */
  async #inTime<T>(work: Promise<T>, ending: AbortController): Promise<T> {
    let timer;
    const late = new Promise<never>((_, failed) => {
      timer = setTimeout(() => {
        failed(new AuthorizationUnavailable(0, "timeout"));
        ending.abort();
      }, this.#timeout);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const refused = (error: TokenError): Unauthorized => ({ ok: false, status: 401, error });

const may = (answer: Answer, permission: string | undefined): boolean =>
  permission === undefined || answer.permissions.includes(permission);

/** The token itself is kept nowhere. */
const keyOf = async (token: string): Promise<string> =>
  String.fromCharCode(
    ...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))),
  );

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

type Fields = Record<string, unknown>;
const fields = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};
const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

/** What a 200 says; nothing if any of it is missing or of another kind: a proxy's page must not let anybody in. */
const answerIn = (body: unknown): Answer | undefined => {
  const { valid, payload, access, expires_at } = fields(body);
  const { user_id, username, name } = fields(payload);
  const { service_id, roles, permissions, policy_version, max_age } = fields(access);
  if (
    valid !== true ||
    !isWhole(user_id) ||
    typeof username !== "string" ||
    typeof name !== "string"
  )
    return undefined;
  if (
    !isWhole(expires_at) ||
    !isWhole(service_id) ||
    !isWhole(policy_version) ||
    !isWhole(max_age) ||
    !isNames(roles) ||
    !isNames(permissions)
  )
    return undefined;
  const user = Object.freeze({ user_id, username, name });
  const what = {
    service_id,
    roles: Object.freeze(roles),
    permissions: Object.freeze(permissions),
    policy_version,
  };
  return Object.freeze({ ok: true, user, ...what, max_age, expires_at });
};

/** What a 401 says, if it is the service's and not that of something in between. */
const refusalIn = (body: unknown): Unauthorized | undefined => {
  const { valid, error } = fields(body);
  if (valid !== false) return undefined;
  return refused(
    error === "expired_token" || error === "missing_token_header" ? error : "invalid_token",
  );
};

const codeIn = (body: unknown): string | undefined => {
  const { error } = fields(body);
  return typeof error === "string" && /^[a-z_]{1,64}$/.test(error) ? error : undefined;
};
