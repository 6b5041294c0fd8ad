// Passkeys in the autofill of the e-mail field (conditional mediation): a request that waits while the page is used otherwise.
import {
  WebAuthnAbortService,
  browserSupportsWebAuthnAutofill,
  startAuthentication,
} from "@simplewebauthn/browser";
import { type User, api } from "./api.js";
import { CeremonyError, ceremony } from "./ceremony.js";

const FIRST_PAUSE_MS = 1_000;
const MOST_FAILURES = 5;
const LIFETIME_MS = 240_000;
const STEP_MS = 50;

interface Handlers {
  signedIn(user: User): void;
  failed(error: unknown): void;
}

const pause = (milliseconds: number) =>
  new Promise<void>((resume) => setTimeout(resume, milliseconds));

/** Nothing is asked of the API for a page that nobody sees. */
const visible = async (): Promise<void> => {
  while (document.hidden)
    await new Promise((seen) =>
      document.addEventListener("visibilitychange", seen, { once: true }),
    );
};

/** One offer at a time, which lasts until it is taken or stopped. */
export class Autofill {
  readonly #handlers: Handlers;
  #wanted = false;
  #running: Promise<void> | undefined;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
  }

  /** Begins to offer passkeys, if the browser can. */
  start(): void {
    this.#wanted = true;
    this.#running ??= this.#offer().finally(() => (this.#running = undefined));
  }

  /** Withdraws the offer. Another ceremony may begin when this is done: the browser allows one at a time. */
  async stop(): Promise<void> {
    this.#wanted = false;
    // More than once: between two steps there is nothing yet that could be aborted.
    while (this.#running && !this.#wanted) {
      WebAuthnAbortService.cancelCeremony();
      await Promise.race([this.#running, pause(STEP_MS)]);
    }
  }

  async #offer(): Promise<void> {
    if (!(await browserSupportsWebAuthnAutofill().catch(() => false))) return;
    let failures = 0;
    while (this.#wanted && failures < MOST_FAILURES) {
      try {
        const user = await this.#once();
        if (!user) return;
        this.#wanted = false;
        this.#handlers.signedIn(user);
      } catch (error) {
        // A request that got too old is replaced at once; anything else is not repeated without a pause.
        if (error instanceof CeremonyError && error.aborted) continue;
        failures += 1;
        for (
          let waited = 0;
          this.#wanted && waited < FIRST_PAUSE_MS * 2 ** failures;
          waited += STEP_MS
        )
          await pause(STEP_MS);
      }
    }
  }

  /** Offers with one challenge; gives nobody if the offer was withdrawn meanwhile. */
  async #once(): Promise<User | undefined> {
    await visible();
    if (!this.#wanted) return undefined;
    const { challenge_id, options } = await api.beginSignIn();
    if (!this.#wanted) return undefined;
    const lifetime = Math.min(options.timeout ?? LIFETIME_MS, LIFETIME_MS);
    const stale = setTimeout(() => WebAuthnAbortService.cancelCeremony(), lifetime);
    const response = await ceremony(
      startAuthentication({ optionsJSON: options, useBrowserAutofill: true }),
    ).finally(() => clearTimeout(stale));
    try {
      return (await api.completeSignIn(challenge_id, response)).user;
    } catch (error) {
      // Told only here: before, nobody had done anything that could have failed.
      this.#handlers.failed(error);
      throw error;
    }
  }
}
