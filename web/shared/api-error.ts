// The error that a failed API call throws.

export const UNREACHABLE =
  "The service cannot be reached. Check your internet connection and try again.";

/** Why an API call failed. The page shows `message` to the user. */
export class ApiError extends Error {
  /** HTTP status, or 0 if there was no response. */
  readonly status: number;
  readonly code: string;
  /** True if the call was to change something, not only to read. */
  readonly wrote: boolean;
  /** Methods with which the user can confirm their identity, if the API asks for that. */
  readonly methods: readonly string[];

  constructor(
    status: number,
    code: string,
    message: string,
    wrote = false,
    methods: readonly string[] = [],
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.wrote = wrote;
    this.methods = methods;
  }

  /** True if the session has ended. A refused passkey is a 401 too, but the session stays. */
  get signedOut(): boolean {
    return (
      this.status === 401 &&
      (this.code === "authentication_required" || this.code === "invalid_token")
    );
  }

  /** True if the account on the page is no longer signed in. */
  get ownerGone(): boolean {
    return this.signedOut || this.code === "account_changed";
  }

  /** True if the user recovered the account and must add a passkey before anything else. */
  get recovering(): boolean {
    return this.code === "recovery_incomplete";
  }

  /** True if the page itself gave the call up, because it now shows another account or none. */
  get abandoned(): boolean {
    return this.code === ABANDONED;
  }
}

export const ABANDONED = "abandoned";

/** Returns the error for work that the page gave up. Users never see its text. */
export const abandoned = (): ApiError => new ApiError(0, ABANDONED, UNREACHABLE);
