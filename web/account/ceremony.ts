// Ceremonies with an authenticator, and what people are told when one fails.
import {
  WebAuthnAbortService,
  startAuthentication,
  startRegistration,
} from "@simplewebauthn/browser";
import { explainFailure } from "../shared/feedback.js";
import { ApiError, api, here, left, type Registrant, type Signals, type User } from "./api.js";

/** Methods of current browsers that TypeScript does not know yet. */
interface Signalling {
  signalAllAcceptedCredentials?(told: Signals["all_accepted_credentials"]): Promise<void>;
  signalCurrentUserDetails?(told: Signals["current_user_details"]): Promise<void>;
  signalUnknownCredential?(told: { rpId: string; credentialId: string }): Promise<void>;
}

const browser = (globalThis as { PublicKeyCredential?: Signalling }).PublicKeyCredential;

/** Fire and forget: a password manager that does not listen is no failure of ours. */
const quietly = (told: Promise<void> | undefined): void => void told?.catch(() => {});

/** Tells password managers which passkeys are accepted and what the account is called, so that they offer no other. */
export const signal = ({ all_accepted_credentials, current_user_details }: Signals): void => {
  quietly(browser?.signalAllAcceptedCredentials?.(all_accepted_credentials));
  quietly(browser?.signalCurrentUserDetails?.(current_user_details));
};

/** Tells password managers that the account accepts no passkey any more. */
export const signalNone = ({ all_accepted_credentials }: Signals): void => {
  quietly(
    browser?.signalAllAcceptedCredentials?.({
      ...all_accepted_credentials,
      allAcceptedCredentialIds: [],
    }),
  );
};

/** What the authenticator or the browser refused; `name` is the DOM's name for it. */
export class CeremonyError extends Error {
  constructor(cause: unknown) {
    super("The ceremony failed.", { cause });
    this.name = cause instanceof Error ? cause.name : "Error";
  }

  /** The page ended the request itself, to begin another. */
  get aborted(): boolean {
    return this.name === "AbortError";
  }
}

/** Waits for the authenticator, on behalf of whoever the page shows; told apart from what goes wrong elsewhere. */
export const ceremony = async <T>(waiting: Promise<T>): Promise<T> => {
  const same = here();
  const response = await waiting.catch((cause: unknown) => {
    throw new CeremonyError(cause);
  });
  if (!same()) throw left();
  return response;
};

/** Refusals after which the API certainly does not keep the passkey, although the authenticator has made it. */
const NOT_KEPT = new Set(["email_taken", "too_many_passkeys", "csrf_token_required"]);

/** An account that was not made has no passkey; one that is there tells its own when it is shown again. */
const notKept = (code: string, who: Registrant): boolean =>
  NOT_KEPT.has(code) || (code === "account_changed" && "email" in who);

/** Makes a passkey: for a new account, or for the one that is signed in. `asking` is called when the authenticator is about to be asked. */
export const register = async (who: Registrant, asking = () => {}): Promise<User> => {
  const { challenge_id, options } = await api.beginRegistration(who);
  asking();
  const response = await ceremony(startRegistration({ optionsJSON: options }));
  try {
    const { user } = await api.completeRegistration(
      challenge_id,
      response,
      "label" in who ? who.label : undefined,
    );
    return user;
  } catch (error) {
    // Otherwise the password manager would go on offering a passkey that opens nothing.
    if (error instanceof ApiError && notKept(error.code, who)) {
      quietly(
        browser?.signalUnknownCredential?.({
          rpId: options.rp.id ?? location.hostname,
          credentialId: response.id,
        }),
      );
    }
    throw error;
  }
};

/** Signs in; with an address, by a passkey of its account. */
export const signIn = async (email?: string): Promise<User> => {
  const { challenge_id, options } = await api.beginSignIn(email);
  const response = await ceremony(startAuthentication({ optionsJSON: options }));
  // A refusal is not told to the password manager: it may be a passing one, of a passkey that is perfectly good.
  return (await api.completeSignIn(challenge_id, response)).user;
};

/** Ends the ceremony that goes on, if there is one. */
export const giveUp = (): void => WebAuthnAbortService.cancelCeremony();

const SENTENCES: Record<string, string> = {
  NotAllowedError:
    "No passkey was used: the request was cancelled, it timed out, or this device has no passkey that fits. You can try again.",
  InvalidStateError: "This device has a passkey of this account already.",
  NotSupportedError: "This device cannot make a passkey of a kind that is accepted here.",
  ConstraintError: "This device cannot check that it is you. Set up a screen lock or a PIN first.",
  SecurityError: "Passkeys do not work at this address.",
};

/** What the page adds to the API's own sentence. */
const MORE: Record<string, string> = {
  // Told only where nothing can be done about it here.
  reauthentication_required: " Sign out, sign in again, and then do it.",
  passkey_sign_in_failed:
    " If that happens again, use another passkey: this one may have been deleted from its account.",
};

/** A sentence for people; null if there is nothing to tell, because the page itself gave up. */
export const explain = (error: unknown): string | null => {
  if (error instanceof CeremonyError) {
    return error.aborted
      ? null
      : (SENTENCES[error.name] ?? "The passkey could not be used. Try again, or use another one.");
  }
  const told = explainFailure(error);
  return told !== null && error instanceof ApiError ? told + (MORE[error.code] ?? "") : told;
};
