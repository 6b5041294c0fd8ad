// Why a call failed, and whether the page still shows whoever it was for: what the pages have in common of that.

/** How long an answer is waited for. */
export const PATIENCE_MS = 30_000;
/** How long a service may ask to be given before the call is repeated, without anybody being told. */
export const LONGEST_WAIT_S = 5;

export const UNREACHABLE = "The service cannot be reached. Check your connection and try again.";

/** Why a call failed; `message` is for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** It was to do something, not only to read. */
  readonly wrote: boolean;
  /** By what somebody may prove again who they are, where that is asked for. */
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

  /** The session has ended. That a passkey was refused is a 401 too, and says nothing about the session. */
  get signedOut(): boolean {
    return (
      this.status === 401 &&
      (this.code === "authentication_required" || this.code === "invalid_token")
    );
  }

  /** Whoever the page shows is not signed in here any more: nobody is, or somebody else. */
  get departed(): boolean {
    return this.signedOut || this.code === "account_changed";
  }

  /** Whoever is signed in recovered the account, and has to add a passkey before anything else. */
  get recovering(): boolean {
    return this.code === "recovery_incomplete";
  }
}

let turns = 0;

/** The page shows somebody else from now on, or nobody. */
export const turn = (): void => {
  turns += 1;
};

/** Asked later, whether the page has gone on showing whom it shows now: what somebody else began must not go on. */
export const here = (): (() => boolean) => {
  const then = turns;
  return () => turns === then;
};

/** Why something ended that was begun for somebody else. */
export const left = (): ApiError => new ApiError(0, "left", UNREACHABLE);

/** How long somebody has to wait, where the API says that. */
export const waitOf = (status: number, seconds: number): string => {
  if (status !== 429 || !(seconds > 0)) return "";
  return ` You can try again in ${seconds <= 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`;
};
