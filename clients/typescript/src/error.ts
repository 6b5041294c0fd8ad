/** What an error tells. None of it is a secret. */
export interface ErrorDetails {
  /** The answer's status; 0 if there was no answer. */
  status: number;
  /** The problem document's `code`, or one of the client's own: `network`, `invalid_answer`, `invalid_request`. */
  code: string;
  /** A sentence for people. */
  message: string;
  /** The request's id, to name when asking for help. */
  requestId?: string | undefined;
  /** Seconds after which the request may be repeated. */
  retryAfter?: number | undefined;
  /** With `reauthentication_required`: by what somebody proves again who they are, and how old a proof may be. */
  stepUp?: StepUp | undefined;
  /** What went wrong below. */
  cause?: unknown;
}

/** What satisfies a `reauthentication_required`. */
export interface StepUp {
  /** `passkey`, `totp` or `sign_in`; there may be more one day. */
  methods: readonly string[];
  /** In seconds. */
  maxAge: number;
}

/**
 * Why a call failed. `code` is for machines and stable, `message` is the API's sentence for people.
 *
 * - `network`: no complete answer came. What the call was to do may have happened all the same.
 * - `invalid_answer`: something answered, but not as the API does: a proxy, another service.
 * - `invalid_request`: an argument cannot be sent; nothing was sent.
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

/** The error that an answer other than 200 stands for. */
export const errorOf = async (response: Response): Promise<HamrahApiError> => {
  const problem = await problemIn(response);
  return new HamrahApiError({
    status: response.status,
    code: text(problem["code"]) ?? "invalid_answer",
    // Only the API's own sentence: any other body could repeat what was sent.
    message:
      text(problem["detail"]) ??
      `The answer has status ${response.status} and is no problem document.`,
    requestId: text(problem["request_id"]) ?? response.headers.get("X-Request-Id") ?? undefined,
    retryAfter: retryAfterOf(response.headers),
    stepUp: stepUpOf(problem["step_up"]),
  });
};

const problemIn = async (response: Response): Promise<Record<string, unknown>> => {
  if (!/^application\/problem\+json\s*(;|$)/i.test(response.headers.get("Content-Type") ?? "")) {
    // Frees the connection. Not awaited: nothing follows from it.
    response.body?.cancel().catch(() => {});
    return {};
  }
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    // Cut off, or not JSON after all: the status says enough.
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

/** Retry-After in seconds; it may also be a date (RFC 9110 §10.2.3). */
export const retryAfterOf = (headers: Headers): number | undefined => {
  const value = headers.get("Retry-After")?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const seconds = Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
};
