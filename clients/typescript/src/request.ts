/** The parts that the clients of the API share: they make requests and read responses. */
import { HamrahApiError } from "./error.js";

/** The parts of a request. */
export interface RequestParts {
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Aborts the request. */
  signal?: AbortSignal;
}

/**
 * How long after its start a call may be repeated, in milliseconds. The API accepts a repeated
 * refresh for 30 seconds. It treats a later repetition as the replay of a stolen token and ends the
 * session.
 */
const REPEAT_WITHIN_MS = 10_000;

/**
 * Makes a call, and repeats it once after a 503 with a short `Retry-After`. It must be safe to
 * repeat.
 */
export const repeatOnce = async <T>(
  attempt: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> => {
  const started = Date.now();
  try {
    return await attempt();
  } catch (error) {
    if (
      !(error instanceof HamrahApiError) ||
      error.status !== 503 ||
      error.retryAfter === undefined
    )
      throw error;
    const wait = error.retryAfter * 1000;
    if (Date.now() - started + wait > REPEAT_WITHIN_MS) throw error;
    await pause(wait, signal);
    return attempt();
  }
};

/** Returns the id if it is safe in a path. Other text, such as `..`, could change the path. */
export const segment = (id: string): string => {
  if (/^[A-Za-z0-9_-]+$/.test(id)) return id;
  throw new HamrahApiError({
    status: 0,
    code: "invalid_request",
    message: "The id has invalid characters. Pass an id that the API returned.",
  });
};

export const requestFor = (
  method: string,
  url: string,
  { headers, body, signal }: RequestParts,
): Request => {
  signal?.throwIfAborted();
  // Redirects are not followed. They could send the key or a credential to another host.
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
    // Without a cause, because the platform's message repeats the value of the header.
    throw new HamrahApiError({
      status: 0,
      code: "invalid_request",
      message: "The key or the credential has characters that a header cannot carry. Check both.",
    });
  }
};

export const orNetworkError = async <T>(
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
      message: "The API did not answer. Check the URL and try again later.",
      cause,
    });
  }
};

export const parseObject = (text: string, response: Response): object => {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body;
  } catch {
    // Thrown below without a cause, because the parser's message repeats parts of the body.
  }
  const requestId = response.headers.get("X-Request-Id") ?? undefined;
  throw new HamrahApiError({
    status: response.status,
    code: "invalid_answer",
    message: "The response is not a JSON object. Check the URL of the API.",
    requestId,
  });
};

export const pause = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
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
