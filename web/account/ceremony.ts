// WebAuthn ceremonies, and the texts that users see if one fails.
import {
  WebAuthnAbortService,
  startAuthentication,
  startRegistration,
} from "@simplewebauthn/browser";
import { ApiError, abandoned } from "../shared/api-error.js";
import { ownerGuard } from "../shared/api.js";
import { explainFailure } from "../shared/feedback.js";
import { type Registrant, type Signals, type User, api } from "./api.js";

/** Methods of current browsers that TypeScript's own types do not have yet. */
interface SignalMethods {
  signalAllAcceptedCredentials?(accepted: Signals["all_accepted_credentials"]): Promise<void>;
  signalCurrentUserDetails?(details: Signals["current_user_details"]): Promise<void>;
  signalUnknownCredential?(unknown: { rpId: string; credentialId: string }): Promise<void>;
}

const browser = (globalThis as { PublicKeyCredential?: SignalMethods }).PublicKeyCredential;

/** Ignores errors of a signal. A password manager that ignores it does no harm. */
const ignoreErrors = (signalled: Promise<void> | undefined): void =>
  void signalled?.catch(() => {});

/** Informs password managers of the account's passkeys and of its name. */
export const signal = ({ all_accepted_credentials, current_user_details }: Signals): void => {
  ignoreErrors(browser?.signalAllAcceptedCredentials?.(all_accepted_credentials));
  ignoreErrors(browser?.signalCurrentUserDetails?.(current_user_details));
};

/** Informs password managers that the account no longer accepts any passkey. */
export const signalNone = ({ all_accepted_credentials }: Signals): void => {
  const none = { ...all_accepted_credentials, allAcceptedCredentialIds: [] };
  ignoreErrors(browser?.signalAllAcceptedCredentials?.(none));
};

/** An error of the authenticator or the browser. `name` is the DOM's name for it. */
export class CeremonyError extends Error {
  constructor(cause: unknown) {
    super("The ceremony failed.", { cause });
    this.name = cause instanceof Error ? cause.name : "Error";
  }

  /** True if the page itself cancelled the request, or another request replaced it. */
  get aborted(): boolean {
    return this.name === "AbortError";
  }
}

/** Waits for the authenticator's response. Throws if the page has another owner by then. */
export const ceremony = async <T>(pending: Promise<T>): Promise<T> => {
  const sameOwner = ownerGuard();
  const response = await pending.catch((cause: unknown) => {
    throw new CeremonyError(cause);
  });
  if (!sameOwner()) throw abandoned();
  return response;
};

/** Error codes after which the API has certainly not stored the passkey. */
const NOT_STORED = new Set(["email_taken", "too_many_passkeys", "csrf_token_required"]);

/**
 * Returns true if the API has not stored the new passkey. With `account_changed` only a new account
 * is certain to have none: an existing account signals its passkeys when the page shows it again.
 */
const isNotStored = (code: string, registrant: Registrant): boolean =>
  NOT_STORED.has(code) || (code === "account_changed" && "email" in registrant);

/**
 * Creates a passkey, for a new account or for the signed-in user. Calls `onPrompt` just before the
 * browser asks for the authenticator.
 */
export const register = async (registrant: Registrant, onPrompt = () => {}): Promise<User> => {
  const { challenge_id, options } = await api.beginRegistration(registrant);
  onPrompt();
  const response = await ceremony(startRegistration({ optionsJSON: options }));
  const label = "label" in registrant ? registrant.label : undefined;
  try {
    return (await api.completeRegistration(challenge_id, response, label)).user;
  } catch (error) {
    // Without this the password manager would offer a passkey that does not work.
    if (error instanceof ApiError && isNotStored(error.code, registrant)) {
      const rpId = options.rp.id ?? location.hostname;
      ignoreErrors(browser?.signalUnknownCredential?.({ rpId, credentialId: response.id }));
    }
    throw error;
  }
};

/** Signs in. With an e-mail address only passkeys of that account are offered. */
export const signIn = async (email?: string): Promise<User> => {
  const { challenge_id, options } = await api.beginSignIn(email);
  const response = await ceremony(startAuthentication({ optionsJSON: options }));
  // The password manager is not informed of a refusal, which may be temporary.
  return (await api.completeSignIn(challenge_id, response)).user;
};

/** Ends the ceremony in progress, if there is one. */
export const cancelCeremony = (): void => WebAuthnAbortService.cancelCeremony();

const TEXTS: Record<string, string> = {
  NotAllowedError:
    "No passkey was used. The request was cancelled or timed out, or this device has " +
    "no matching passkey. You can try again.",
  InvalidStateError:
    "This device already has a passkey for this account. Use another device to add one.",
  NotSupportedError:
    "This device cannot create a passkey that this site accepts. Use another device.",
  ConstraintError: "This device cannot verify you. Set up a screen lock or a PIN, then try again.",
  SecurityError: "Passkeys do not work at this address. Open the page at its usual address.",
};

/** Sentences that the page adds to the API's own sentence, by code. */
const ADVICE: Record<string, string> = {
  // Shown only if the page offers no way to confirm the user's identity.
  reauthentication_required: " Sign out, sign in again, and then repeat the action.",
  passkey_sign_in_failed:
    " If this happens again, use another passkey. This one may have been deleted from the account.",
};

/** Returns the text for an error, or null if the page itself abandoned the work. */
export const explain = (error: unknown): string | null => {
  if (error instanceof CeremonyError) {
    if (error.aborted) return null;
    return TEXTS[error.name] ?? "The passkey could not be used. Try again, or use another passkey.";
  }
  const text = explainFailure(error);
  if (text === null || !(error instanceof ApiError)) return text;
  return text + (ADVICE[error.code] ?? "");
};
