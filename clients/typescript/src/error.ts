/** Details of an error. None of them is a secret. */
export interface ErrorDetails {
  /** HTTP status of the response, or 0 if there was none. */
  status: number;
  /**
   * Code of the problem document, or a code of the client: `network`, `invalid_answer` or
   * `invalid_request`.
   */
  code: string;
  /** Sentence for the user. */
  message: string;
  /** Id of the request, for support. */
  requestId?: string | undefined;
  /** Seconds to wait before the request may be repeated. */
  retryAfter?: number | undefined;
  /** Set with `reauthentication_required`: how the user can confirm their identity. */
  stepUp?: StepUp | undefined;
  /** The underlying error. */
  cause?: unknown;
}

/** How the user can confirm their identity after `reauthentication_required`. */
export interface StepUp {
  /** `passkey`, `totp` or `sign_in`. Future versions may add methods. */
  methods: readonly string[];
  /** How long a confirmation counts as recent, in seconds. */
  maxAge: number;
}

/**
 * The error that every method throws. `code` is stable and for programs, `message` is the API's
 * sentence for the user. The client's own codes are:
 *
 * - `network`: no complete response arrived. The API may have carried out the call.
 * - `invalid_answer`: the response is not one of the API's. A proxy or another service may have
 *   answered.
 * - `invalid_request`: an argument cannot be sent. The client sent nothing.
 */
export class HamrahApiError extends Error {
  override readonly name = "HamrahApiError";
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
  readonly stepUp: StepUp | undefined;

  constructor({ status, code, message, requestId, retryAfter, stepUp, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.stepUp = stepUp;
  }
}

/** Returns the error for a response with a status other than 200. */
export const errorOf = async (response: Response): Promise<HamrahApiError> => {
  const problem = await problemIn(response);
  return new HamrahApiError({
    status: response.status,
    code: text(problem["code"]) ?? "invalid_answer",
    // Any other body is left out, because it could repeat parts of the request.
    message:
      text(problem["detail"]) ??
      `The API answered with status ${response.status}, without a problem document.`,
    requestId: text(problem["request_id"]) ?? response.headers.get("X-Request-Id") ?? undefined,
    retryAfter: retryAfterOf(response.headers),
    stepUp: stepUpOf(problem["step_up"]),
  });
};

const problemIn = async (response: Response): Promise<Record<string, unknown>> => {
  if (!/^application\/problem\+json\s*(;|$)/i.test(response.headers.get("Content-Type") ?? "")) {
    // Frees the connection. Not awaited, because nothing depends on it.
    response.body?.cancel().catch(() => {});
    return {};
  }
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    // The body is incomplete or not JSON. The status is enough.
    return {};
  }
};

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const stepUpOf = (value: unknown): StepUp | undefined => {
  if (typeof value !== "object" || value === null) return undefined;
  const { methods, max_age: maxAge } = value as { methods?: unknown; max_age?: unknown };
  return Array.isArray(methods) && typeof maxAge === "number"
    ? { methods: methods.map(String), maxAge }
    : undefined;
};

/** Returns `Retry-After` in seconds. The header may also be a date (RFC 9110 §10.2.3). */
export const retryAfterOf = (headers: Headers): number | undefined => {
  const value = headers.get("Retry-After")?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const seconds = Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
};
