/**
 * A client of hamrah-api for servers.
 *
 * hamrah-app's Worker calls the API over a service binding, other backends over its URL.
 *
 * ```ts
 * const api = new HamrahApi({ api: "https://api.hamrah.app", service: "billing", internalKey });
 * const { user } = await api.validateVisitor({ bearer: accessToken });
 * ```
 */
import { errorOf } from "./error.js";
import { originOf } from "./origin.js";
import { type RequestParts, orNetworkError, parseObject } from "./request.js";
import { repeatOnce, requestFor, segment } from "./request.js";
import type { components } from "./schema.js";

export { HamrahApiError } from "./error.js";
export type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

/** An account. */
export type User = Schemas["UserResponse"];
/** A session with a token pair. */
export type Token = Schemas["TokenEntry"];
/** The kind of client in which a user signs in. */
export type Platform = "web" | "ios" | "api";
/** A user whom an identity provider has identified. */
export type Identity = Omit<
  Schemas["IdentityRequest"],
  "user_id" | "platform" | "provider" | "provider_id"
> & {
  platform: Platform;
  provider: string;
  provider_id: string;
};
/** The account that a new session is for. */
export type Account = Omit<Schemas["SessionCreateRequest"], "platform"> & { platform: Platform };
/** A new web session. `session_token` is the value of the session cookie. */
export type WebSession = Schemas["AuthResponse"] & {
  session_token: string;
  session_expires_at: string;
  refresh_token: null;
};
/** A new pair of an access token and a refresh token. */
export type TokenPair = Schemas["AuthResponse"] & { refresh_token: string };
/** A valid session. If `renewed` is true, set the cookie again, with the expiry `expires_at`. */
export type LiveSession = Schemas["SessionValidateResponse"];
/** The user of a valid credential, and when the credential expires. */
export type Validated = Schemas["ValidateResponse"];
/** Changes to an account. An absent field keeps its value, and null clears it. */
export type Changes = Schemas["UserUpdateRequest"];

/** An object that answers requests, such as a service binding of a Worker. */
export interface Fetcher {
  fetch(request: Request): Promise<Response>;
}

export interface Options {
  /** A service binding, or the URL of the API, such as `https://api.hamrah.app`. */
  api: Fetcher | string;
  /** Name of this service in the API's `INTERNAL_SERVICES`. */
  service?: string;
  /** Secret key for the internal endpoints. Without it the API refuses requests to them. */
  internalKey?: string;
}

/** The visitor's credential: the unchanged `Cookie` header (null if absent), or a Bearer token. */
export type Visitor = { cookie: string | null } | { bearer: string };

export interface CallOptions {
  /**
   * Aborts the call, which then throws the signal's reason. An example is
   * `AbortSignal.timeout(5000)`.
   */
  signal?: AbortSignal;
}

export interface VisitorOptions extends CallOptions {
  /**
   * Receives each `Set-Cookie` header of the response. Pass all of them on to the visitor, because
   * the API extends and clears the session cookie with them.
   */
  onSetCookie?: (line: string) => void;
}

type Call = RequestParts & VisitorOptions;

/**
 * The URL for calls over a binding, which ignores the host. In development the API derives the name
 * of the session cookie from the URL: `session` on http://localhost, `__Host-session` on other
 * hosts. A visitor in development also uses localhost, so their cookie has the name `session`.
 */
const BINDING_URL = "http://localhost";

/**
 * Calls the API. A call that fails throws {@link HamrahApiError}. An aborted call throws the
 * signal's reason.
 *
 * After a 503 with a short `Retry-After` the call is repeated once. This is safe for writes too,
 * even if the first attempt has taken effect. Users are found by their identity, a repeated refresh
 * returns the same new refresh token, and a second revocation or deletion changes nothing.
 *
 * A repeated `createSession` or `createTokens` can leave an unused session, which expires. After a
 * repeated `deleteMe`, `revokeToken` or `revokeAllTokens`, a 401 can mean that the first attempt
 * ended the visitor's own session.
 */
export class HamrahApi {
  // `#` fields do not appear when a client is printed or serialized, so the key stays secret.
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

  /** Finds the account of an identity. Links or creates the account if needed. */
  async createUser(identity: Identity, options?: CallOptions): Promise<User> {
    return (
      await this.#ask<Schemas["IdentifyUserResponse"]>("/api/internal/users", identity, options)
    ).user;
  }

  /** Returns the account with the given e-mail address, or null. */
  async findUserByEmail(email: string, options?: CallOptions): Promise<User | null> {
    return (
      await this.#ask<Schemas["UserByEmailResponse"]>(
        "/api/internal/users/by-email",
        { email },
        options,
      )
    ).user;
  }

  /** Creates a web session. */
  createSession(account: Account, options?: CallOptions): Promise<WebSession> {
    return this.#ask("/api/internal/sessions", account, options);
  }

  /**
   * Validates a session token and returns its session. Throws a 401 if the token is not valid, or
   * if its session belongs to an unfinished account recovery or needs its iOS device.
   */
  validateSession(sessionToken: string, options?: CallOptions): Promise<LiveSession> {
    return this.#ask("/api/internal/sessions/validate", { session_token: sessionToken }, options);
  }

  /**
   * Creates a token pair for an account. For an identity, it finds, links or creates the account
   * first, like `createUser`.
   */
  createTokens(subject: Identity | Account, options?: CallOptions): Promise<TokenPair> {
    return this.#ask("/api/internal/tokens", subject, options);
  }

  /**
   * Validates the visitor's session. Throws a 401 if the session is not valid, or if the credential
   * is an access token.
   */
  validateVisitorSession(visitor: Visitor, options?: VisitorOptions): Promise<Validated> {
    return this.#forward("GET", "/api/auth/sessions/validate", visitor, options);
  }

  /** Validates the visitor's session or access token. Throws a 401 if it is not valid. */
  validateVisitor(visitor: Visitor, options?: VisitorOptions): Promise<Validated> {
    return this.#forward("GET", "/api/auth/tokens/validate", visitor, options);
  }

  /**
   * Exchanges a refresh token for a new token pair. For 30 seconds the API accepts the old refresh
   * token again and returns the same new one. If the old one is used later, the API ends the
   * session.
   */
  refresh(refreshToken: string, options?: CallOptions): Promise<TokenPair> {
    return this.#call("POST", "/api/auth/tokens/refresh", {
      ...options,
      body: { refresh_token: refreshToken },
    });
  }

  /** Ends the visitor's session, if there is one, and clears the cookie. */
  async logout(visitor: Visitor, options?: VisitorOptions): Promise<void> {
    await this.#forward("POST", "/api/auth/sessions/logout", visitor, options);
  }

  /** Returns the visitor's account. */
  me(visitor: Visitor, options?: VisitorOptions): Promise<User> {
    return this.#forward("GET", "/api/users/me", visitor, options);
  }

  /** Changes the visitor's account and returns it. */
  updateMe(visitor: Visitor, changes: Changes, options?: VisitorOptions): Promise<User> {
    return this.#forward("PUT", "/api/users/me", visitor, options, changes);
  }

  /**
   * Deletes the visitor's account. Throws a 403 `reauthentication_required` with `stepUp` if the
   * visitor must first confirm their identity.
   */
  async deleteMe(visitor: Visitor, options?: VisitorOptions): Promise<void> {
    await this.#forward("DELETE", "/api/users/me", visitor, options);
  }

  /** Returns the active sessions of the visitor's account that have a token pair. */
  async listTokens(visitor: Visitor, options?: VisitorOptions): Promise<Token[]> {
    return (
      await this.#forward<Schemas["TokenListResponse"]>(
        "GET",
        "/api/users/me/tokens",
        visitor,
        options,
      )
    ).tokens;
  }

  /** Ends one session of the visitor's account. Throws a 404 if the account has no such session. */
  async revokeToken(visitor: Visitor, tokenId: string, options?: VisitorOptions): Promise<void> {
    await this.#forward("DELETE", `/api/auth/tokens/${segment(tokenId)}/revoke`, visitor, options);
  }

  /**
   * Ends all sessions of the visitor's account that have a token pair, and returns their number.
   * `userId` is the id of the visitor.
   */
  async revokeAllTokens(
    visitor: Visitor,
    userId: string,
    options?: VisitorOptions,
  ): Promise<number> {
    return (
      await this.#forward<Schemas["RevokeAllResponse"]>(
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

  /** Forwards the visitor's credential, but no `Origin` header, which the API would check. */
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

  #call<T>(method: string, path: string, call: Call): Promise<T> {
    return repeatOnce(() => this.#attempt<T>(method, path, call), call.signal);
  }

  async #attempt<T>(method: string, path: string, call: Call): Promise<T> {
    // Created for every attempt, because the body of a request can be sent only once.
    const request = requestFor(method, `${this.#base}${path}`, call);
    const response = await orNetworkError(this.#send(request), call.signal);
    for (const line of response.headers.getSetCookie()) call.onSetCookie?.(line);
    if (response.status !== 200) throw await errorOf(response);
    const text = await orNetworkError(response.text(), call.signal);
    return parseObject(text, response) as T;
  }
}
