/**
 * A client for hamrah-api, for servers: hamrah-app's, which binds to the API as a service, and others, which call its URL.
 */
import { errorOf, HamrahApiError } from "./error.js";
import { originOf } from "./origin.js";
import type { components } from "./schema.js";

export { HamrahApiError } from "./error.js";
export type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

/** An account. */
export type User = Schemas["User"];
/** A sign-in of the account that has a pair of tokens. */
export type Token = Schemas["Token"];
/** Where somebody signs in. */
export type Platform = "web" | "ios" | "api";
/** Somebody whom a provider identified. */
export type Identity = Omit<
  Schemas["Person"],
  "user_id" | "platform" | "provider" | "provider_id"
> & {
  platform: Platform;
  provider: string;
  provider_id: string;
};
/** An account to sign in. */
export type Account = Omit<Schemas["NewSession"], "platform"> & { platform: Platform };
/** A new web session; `session_token` is the cookie's value. */
export type WebSession = Schemas["AuthResponse"] & {
  session_token: string;
  session_expires_at: string;
  refresh_token: null;
};
/** A new pair of access and refresh token. */
export type TokenPair = Schemas["AuthResponse"] & { refresh_token: string };
/** A live session. If it was `renewed`, write its cookie again, up to `expires_at`. */
export type LiveSession = Schemas["SessionAnswer"];
/** Whose a live credential is, and when it ends. */
export type Validated = Schemas["Validated"];
/** What to change of an account: absent stays as it is, null empties. */
export type Changes = Schemas["Update"];

/** Anything that answers requests: a Worker's service binding. */
export interface Fetcher {
  fetch(request: Request): Promise<Response>;
}

export interface Options {
  /** A service binding, or the API's URL, such as `https://api.hamrah.app`. */
  api: Fetcher | string;
  /** The name under which the API knows this service. */
  service?: string;
  /** The secret key of internal endpoints; without it the API refuses them. */
  internalKey?: string;
}

/** What a visitor presented: their `Cookie` header as it came (null: they sent none), or a Bearer token. */
export type Visitor = { cookie: string | null } | { bearer: string };

export interface CallOptions {
  /** Ends the call early, as `AbortSignal.timeout(5000)` does; the call then throws the signal's reason. */
  signal?: AbortSignal;
}

export interface VisitorOptions extends CallOptions {
  /** Gets every `Set-Cookie` of the answer, to be passed on to the visitor: an extended session, or a cleared one. */
  onSetCookie?: (line: string) => void;
}

interface Call extends VisitorOptions {
  headers?: Record<string, string>;
  body?: unknown;
}

/**
 * A binding ignores the host. In development the API tells by it how the session cookie is called (`session` on http://localhost,
 * `__Host-session` elsewhere), and there the visitor's cookie was set on localhost too.
 */
const BINDING_URL = "http://localhost";

/**
 * How long after its beginning a call may still be repeated. A refresh may be repeated for 30 seconds: later it counts as a replay
 * of a stolen token and ends the sign-in.
 */
const REPEAT_WITHIN_MS = 10_000;

/**
 * Calls the API.
 *
 * Every method throws {@link HamrahApiError}. A 503 that names a short `Retry-After` is repeated once. That is safe for every call,
 * also for writes whose first attempt may have taken effect: users are found again by their identity, a refresh gives the same
 * successor, a revocation or deletion stays one. A repeated session or pair leaves an unused sign-in behind, which ends by itself.
 * After a repeated `deleteMe`, `revokeToken` or `revokeAllTokens` a 401 can mean that the first attempt ended the visitor's own sign-in.
 */
export class HamrahApi {
  // Private to the language, so that printing or serializing a client shows no key.
  readonly #send: (request: Request) => Promise<Response>;
  readonly #base: string;
  readonly #internal: Record<string, string>;

  constructor({ api, service = "hamrah-app", internalKey }: Options) {
    if (typeof api === "string") {
      this.#base = originOf(api);
      this.#send = (request) => fetch(request);
    } else {
      this.#base = BINDING_URL;
      this.#send = (request) => api.fetch(request);
    }
    this.#internal = { "X-Internal-Service": service, "User-Agent": `${service}-internal/1.0` };
    if (internalKey) this.#internal["X-Internal-Key"] = internalKey;
  }

  /** Finds, links or makes the account of an identity. */
  async createUser(identity: Identity, options?: CallOptions): Promise<User> {
    return (await this.#ask<Schemas["UserAnswer"]>("/api/internal/users", identity, options)).user;
  }

  /** The account of an e-mail address, or null. */
  async findUserByEmail(email: string, options?: CallOptions): Promise<User | null> {
    return (
      await this.#ask<Schemas["EmailAnswer"]>("/api/internal/users/by-email", { email }, options)
    ).user;
  }

  /** Makes a web session. */
  createSession(account: Account, options?: CallOptions): Promise<WebSession> {
    return this.#ask("/api/internal/sessions", account, options);
  }

  /** Whether a session token is live, and whose; 401 if it is not, or if it is of a recovery that is not complete. */
  validateSession(sessionToken: string, options?: CallOptions): Promise<LiveSession> {
    return this.#ask("/api/internal/sessions/validate", { session_token: sessionToken }, options);
  }

  /** Makes a pair of tokens, for an identity (as `createUser`) or for an account. */
  createTokens(subject: Identity | Account, options?: CallOptions): Promise<TokenPair> {
    return this.#ask("/api/internal/tokens", subject, options);
  }

  /** Whether the visitor's session is live, and whose; 401 if it is not. Refuses access tokens. */
  validateVisitorSession(visitor: Visitor, options?: VisitorOptions): Promise<Validated> {
    return this.#forward("GET", "/api/auth/sessions/validate", visitor, options);
  }

  /** Whether the visitor's credential of any kind is live, and whose; 401 if it is not. */
  validateVisitor(visitor: Visitor, options?: VisitorOptions): Promise<Validated> {
    return this.#forward("GET", "/api/auth/tokens/validate", visitor, options);
  }

  /** Exchanges a refresh token for a new pair. Keep the new one: the old one works no more. */
  refresh(refreshToken: string, options?: CallOptions): Promise<TokenPair> {
    return this.#call("POST", "/api/auth/tokens/refresh", {
      ...options,
      body: { refresh_token: refreshToken },
    });
  }

  /** Ends the visitor's sign-in, if there is one, and clears the cookie. */
  async logout(visitor: Visitor, options?: VisitorOptions): Promise<void> {
    await this.#forward("POST", "/api/auth/sessions/logout", visitor, options);
  }

  /** The visitor's account. */
  me(visitor: Visitor, options?: VisitorOptions): Promise<User> {
    return this.#forward("GET", "/api/users/me", visitor, options);
  }

  /** Changes the visitor's account and gives it. */
  updateMe(visitor: Visitor, changes: Changes, options?: VisitorOptions): Promise<User> {
    return this.#forward("PUT", "/api/users/me", visitor, options, changes);
  }

  /** Deletes the visitor's account. 403 `reauthentication_required`, with `stepUp`, if the proof of who they are is too old. */
  async deleteMe(visitor: Visitor, options?: VisitorOptions): Promise<void> {
    await this.#forward("DELETE", "/api/users/me", visitor, options);
  }

  /** The live sign-ins of the visitor's account that have a pair of tokens. */
  async listTokens(visitor: Visitor, options?: VisitorOptions): Promise<Token[]> {
    return (
      await this.#forward<Schemas["TokenList"]>("GET", "/api/users/me/tokens", visitor, options)
    ).tokens;
  }

  /** Ends one sign-in of the visitor's account; 404 if it has no such. */
  async revokeToken(visitor: Visitor, tokenId: string, options?: VisitorOptions): Promise<void> {
    await this.#forward("DELETE", `/api/auth/tokens/${segment(tokenId)}/revoke`, visitor, options);
  }

  /** Ends every sign-in of the visitor's account that has a pair of tokens; gives how many. `userId` is the visitor's own. */
  async revokeAllTokens(
    visitor: Visitor,
    userId: string,
    options?: VisitorOptions,
  ): Promise<number> {
    return (
      await this.#forward<Schemas["RevokedAll"]>(
        "DELETE",
        `/api/auth/users/${segment(userId)}/tokens/revoke`,
        visitor,
        options,
      )
    ).revoked;
  }

  #ask<T>(path: string, body: unknown, options: CallOptions | undefined): Promise<T> {
    return this.#call("POST", path, { ...options, body, headers: this.#internal });
  }

  /** Only the credential is forwarded: not the visitor's Origin, which the API would check, and no other header. */
  #forward<T>(
    method: string,
    path: string,
    visitor: Visitor,
    options: VisitorOptions | undefined,
    body?: unknown,
  ): Promise<T> {
    const headers: Record<string, string> = {};
    if ("bearer" in visitor) headers["Authorization"] = `Bearer ${visitor.bearer}`;
    else if (visitor.cookie !== null) headers["Cookie"] = visitor.cookie;
    return this.#call(method, path, { ...options, body, headers });
  }

  async #call<T>(method: string, path: string, call: Call): Promise<T> {
    const started = Date.now();
    try {
      return await this.#attempt<T>(method, path, call);
    } catch (error) {
      if (
        !(error instanceof HamrahApiError) ||
        error.status !== 503 ||
        error.retryAfter === undefined
      )
        throw error;
      const wait = error.retryAfter * 1000;
      if (Date.now() - started + wait > REPEAT_WITHIN_MS) throw error;
      await pause(wait, call.signal);
      return this.#attempt<T>(method, path, call);
    }
  }

  async #attempt<T>(method: string, path: string, call: Call): Promise<T> {
    // Made anew for every attempt: a request's body can be sent once.
    const request = requestFor(method, `${this.#base}${path}`, call);
    const response = await noAnswerIsNetwork(this.#send(request), call.signal);
    for (const line of response.headers.getSetCookie()) call.onSetCookie?.(line);
    if (response.status !== 200) throw await errorOf(response);
    const text = await noAnswerIsNetwork(response.text(), call.signal);
    return objectIn(text, response) as T;
  }
}

/** An id in a path. Anything but an id could lead to another path (`..`). */
const segment = (id: string): string => {
  if (/^[A-Za-z0-9_-]+$/.test(id)) return id;
  throw new HamrahApiError({
    status: 0,
    code: "invalid_request",
    message: "The id has characters that no id has.",
  });
};

const requestFor = (method: string, url: string, { headers, body, signal }: Call): Request => {
  signal?.throwIfAborted();
  // A redirect is never followed: it could carry the key or a credential to another host.
  const init: RequestInit = {
    method,
    headers: { Accept: "application/json", ...headers },
    redirect: "manual",
  };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  try {
    return new Request(url, init);
  } catch {
    // Without its cause: the platform's message repeats the header's value.
    throw new HamrahApiError({
      status: 0,
      code: "invalid_request",
      message: "The key or the credential cannot be sent in a header.",
    });
  }
};

const noAnswerIsNetwork = async <T>(
  answer: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> => {
  try {
    return await answer;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new HamrahApiError({
      status: 0,
      code: "network",
      message: "The API did not answer.",
      cause,
    });
  }
};

const objectIn = (text: string, response: Response): object => {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body;
  } catch {
    // Told below, without its cause: the parser's message repeats parts of the body.
  }
  const requestId = response.headers.get("X-Request-Id") ?? undefined;
  throw new HamrahApiError({
    status: response.status,
    code: "invalid_answer",
    message: "The answer is not JSON.",
    requestId,
  });
};

const pause = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((done, failed) => {
    const abort = () => {
      clearTimeout(timer);
      failed(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      done();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
