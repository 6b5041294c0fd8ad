// HTTP calls to the API, for both pages. All calls go to the page's own origin.
//
// The page has an owner: the account that it shows, or none. Calls that were started for one
// owner are cancelled as soon as the page has another one.
import { ABANDONED, ApiError, UNREACHABLE, abandoned } from "./api-error.js";

/** How long the page waits for a response, in milliseconds. */
const TIMEOUT_MS = 30_000;
/** The longest `Retry-After`, in seconds, after which a call is repeated without asking the user. */
const MAX_RETRY_AFTER_S = 5;

export type Fields = Record<string, unknown>;

/** A response of the API. */
export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed JSON. Empty if the body of an error is not JSON. */
  body: unknown;
}

export interface CallOptions {
  /** `GET` by default. */
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether the request carries the session cookie. */
  credentials: RequestCredentials;
  /** Returns the error for an unsuccessful response. */
  errorFor(answer: Answer): ApiError;
}

let owners = 0;
const inProgress = new Set<AbortController>();

/** Gives the page another owner, or none, and cancels every call of the previous owner. */
export const changeOwner = (): void => {
  owners += 1;
  for (const each of inProgress) each.abort(ABANDONED);
};

/** Returns a function that returns true while the page keeps its present owner. */
export const ownerGuard = (): (() => boolean) => {
  const then = owners;
  return () => owners === then;
};

/** Returns the fields of a JSON object. Any other value has none. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};

const attempt = async (path: string, options: CallOptions): Promise<Answer> => {
  const { method = "GET", body, credentials } = options;
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const request = new AbortController();
  const init: RequestInit = {
    method,
    headers,
    credentials,
    cache: "no-store",
    redirect: "error",
    signal: request.signal,
  };
  if (body !== undefined) init.body = JSON.stringify(body);
  const timer = setTimeout(() => request.abort(), TIMEOUT_MS);
  inProgress.add(request);
  try {
    const response = await fetch(path, init);
    const parsed: unknown = await response.json().catch((error: unknown) => {
      // A proxy may answer an error without JSON. Then the status is enough.
      if (response.ok || request.signal.aborted) throw error;
      return {};
    });
    return { status: response.status, headers: response.headers, body: parsed };
  } catch {
    throw request.signal.reason === ABANDONED
      ? abandoned()
      : new ApiError(0, "network", UNREACHABLE);
  } finally {
    clearTimeout(timer);
    inProgress.delete(request);
  }
};

const retryAfterOf = ({ headers }: Answer): number => Number(headers.get("Retry-After") ?? "none");

/** Calls the API and returns its answer. Repeats the call once after a 503 with a short wait. */
export const call = async (path: string, options: CallOptions): Promise<Answer> => {
  const sameOwner = ownerGuard();
  let answer = await attempt(path, options);
  if (answer.status === 503 && retryAfterOf(answer) <= MAX_RETRY_AFTER_S) {
    const wait = retryAfterOf(answer) * 1000;
    await new Promise((resume) => setTimeout(resume, wait));
    if (!sameOwner()) throw abandoned();
    answer = await attempt(path, options);
  }
  if (!sameOwner()) throw abandoned();
  if (answer.status !== 200 && answer.status !== 201) throw options.errorFor(answer);
  return answer;
};

/**
 * Returns the text that the page shows for an error: the API's own sentence and, for a rate limit,
 * when to try again. A reference is added only if the fault is on the service's side.
 */
export const messageOf = (answer: Answer, sentence: unknown): string => {
  const { status } = answer;
  const text =
    typeof sentence === "string" && sentence !== ""
      ? sentence
      : `The service answered with status ${status}. Try again later.`;
  const { request_id } = fieldsOf(answer.body);
  const reference =
    status >= 500 && typeof request_id === "string" ? ` (Reference: ${request_id})` : "";
  return text + retryHint(status, retryAfterOf(answer)) + reference;
};

const retryHint = (status: number, seconds: number): string => {
  if (status !== 429 || !(seconds > 0)) return "";
  const wait = seconds <= 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
  return ` You can try again in ${wait}.`;
};
