// Passkeys in the autofill of the e-mail field (conditional mediation). The request waits while the
// user does other things on the page.
import {
  WebAuthnAbortService,
  browserSupportsWebAuthnAutofill,
  startAuthentication,
} from "@simplewebauthn/browser";
import { type User, api } from "./api.js";
import { CeremonyError, ceremony } from "./ceremony.js";

const FIRST_PAUSE_MS = 1_000;
const MAX_FAILURES = 5;
/** The longest time that one challenge is offered. */
const CHALLENGE_LIFETIME_MS = 240_000;
const STEP_MS = 50;

interface Handlers {
  signedIn(user: User): void;
  failed(error: unknown): void;
}

const pause = (milliseconds: number) =>
  new Promise<void>((resume) => setTimeout(resume, milliseconds));

/** Waits until the page is visible. A hidden page sends no requests. */
const visible = async (): Promise<void> => {
  while (document.hidden) {
    await new Promise((seen) =>
      document.addEventListener("visibilitychange", seen, { once: true }),
    );
  }
};

/** The offer of passkeys in the autofill, until the user accepts it or the page withdraws it. */
export class Autofill {
  readonly #handlers: Handlers;
  #isWanted = false;
  #running: Promise<void> | undefined;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
  }

  /** Starts to offer passkeys, if the browser supports it. */
  start(): void {
    this.#isWanted = true;
    this.#running ??= this.#offer().finally(() => (this.#running = undefined));
  }

  /** Withdraws the offer. Await it before a ceremony, because browsers allow one at a time. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    // Cancels repeatedly, because between two steps of the offer there is no request to cancel.
    while (this.#running && !this.#isWanted) {
      WebAuthnAbortService.cancelCeremony();
      await Promise.race([this.#running, pause(STEP_MS)]);
    }
  }

  async #offer(): Promise<void> {
    if (!(await browserSupportsWebAuthnAutofill().catch(() => false))) return;
    let failures = 0;
    while (this.#isWanted && failures < MAX_FAILURES) {
      try {
        const user = await this.#offerOnce();
        if (!user) return;
        this.#isWanted = false;
        this.#handlers.signedIn(user);
      } catch (error) {
        // An expired challenge is replaced at once. After any other error the next offer waits.
        if (error instanceof CeremonyError && error.aborted) continue;
        failures += 1;
        await this.#pauseAfter(failures);
      }
    }
  }

  async #pauseAfter(failures: number): Promise<void> {
    const total = FIRST_PAUSE_MS * 2 ** failures;
    for (let waited = 0; this.#isWanted && waited < total; waited += STEP_MS) await pause(STEP_MS);
  }

  /** Offers one challenge. Returns undefined if the offer was withdrawn. */
  async #offerOnce(): Promise<User | undefined> {
    await visible();
    if (!this.#isWanted) return undefined;
    const { challenge_id, options } = await api.beginSignIn();
    if (!this.#isWanted) return undefined;
    const lifetime = Math.min(options.timeout ?? CHALLENGE_LIFETIME_MS, CHALLENGE_LIFETIME_MS);
    const expiry = setTimeout(() => WebAuthnAbortService.cancelCeremony(), lifetime);
    const response = await ceremony(
      startAuthentication({ optionsJSON: options, useBrowserAutofill: true }),
    ).finally(() => clearTimeout(expiry));
    try {
      return (await api.completeSignIn(challenge_id, response)).user;
    } catch (error) {
      // Only this error is shown. Before this step the user has done nothing that could fail.
      this.#handlers.failed(error);
      throw error;
    }
  }
}
