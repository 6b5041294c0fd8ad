/** The REST calls of the relay. */
import { errorOf } from "../error.js";
import { originOf } from "../origin.js";
import { type RequestParts, orNetworkError, parseObject } from "../request.js";
import { repeatOnce, requestFor, segment } from "../request.js";

/** Sends a request. */
export type Fetch = (request: Request) => Promise<Response>;

/** Returns the access token of the account. It is called before every request and connection. */
export type TokenSource = () => string | Promise<string>;

export interface CallOptions {
  /** Aborts the call, which then throws the signal's reason. */
  signal?: AbortSignal;
}

export interface RestOptions {
  origin: string;
  token?: TokenSource | undefined;
  fetch?: Fetch | undefined;
}

/** A path with ids, which are checked when the call is made. */
export interface Path {
  readonly literals: TemplateStringsArray;
  readonly ids: readonly string[];
}

/** Makes a path of a template literal. */
export const path = (literals: TemplateStringsArray, ...ids: string[]): Path => ({ literals, ids });

const textOf = (path: Path | string): string =>
  typeof path === "string" ? path : String.raw(path.literals, ...path.ids.map(segment));

interface Call extends RequestParts {
  query?: Record<string, string | number | undefined>;
  /** Whether the client repeats the call after a 503 with a short `Retry-After`. */
  repeat?: boolean;
}

/** Makes the REST calls of one account. A call that fails throws `HamrahApiError`. */
export class Rest {
  readonly #base: string;
  readonly #token: TokenSource | undefined;
  readonly #fetch: Fetch;

  constructor({ origin, token, fetch: send }: RestOptions) {
    this.#base = `${originOf(origin)}/api/v1`;
    this.#token = token;
    this.#fetch = send ?? ((request) => fetch(request));
  }

  get<T>(path: Path | string, options?: CallOptions, query: Call["query"] = {}): Promise<T> {
    return this.call("GET", path, { ...options, query, repeat: true });
  }

  call<T>(method: string, path: Path | string, call: Call = {}): Promise<T> {
    const attempt = () => this.#attempt<T>(method, path, call);
    return call.repeat ? repeatOnce(attempt, call.signal) : attempt();
  }

  async #attempt<T>(method: string, path: Path | string, call: Call): Promise<T> {
    const { query = {}, repeat: _, ...parts } = call;
    const headers = { ...parts.headers };
    if (this.#token) headers["Authorization"] = `Bearer ${await this.#token()}`;
    const url = new URL(this.#base + textOf(path));
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const request = withoutCookies(requestFor(method, url.href, { ...parts, headers }));
    const response = await orNetworkError(this.#fetch(request), call.signal);
    if (response.status !== 200) throw await errorOf(response);
    return parseObject(await orNetworkError(response.text(), call.signal), response) as T;
  }
}

/**
 * Keeps a browser from sending the session cookie too, because the API refuses a request with two
 * credentials. Platforms without cookies have no such setting.
 */
const withoutCookies = (request: Request): Request =>
  "credentials" in Request.prototype ? new Request(request, { credentials: "omit" }) : request;
