// The endpoints that the account page calls. The session is in an HttpOnly cookie, so no script
// sees it.
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/browser";
import { ApiError, abandoned } from "../shared/api-error.js";
import { type Answer, call, changeOwner, fieldsOf, messageOf, ownerGuard } from "../shared/api.js";

export interface User {
  id: string;
  email: string | null;
  name: string | null;
}

export interface Passkey {
  id: string;
  name: string;
  created_at: number;
  last_used: number | null;
  credential_device_type: string;
  credential_backed_up: boolean;
  transports: string[];
}

export interface Session {
  id: string;
  platform: string;
  user_agent: string | null;
  country: string | null;
  amr: string[];
  auth_time: number;
  created_at: number;
  last_used: number;
  expires_at: number;
  current: boolean;
}

/** A device with the app, identified by the key that Apple attested. */
export interface Device {
  key_id: string;
  created_at: number;
  last_used: number | null;
  revoked: boolean;
}

export interface SecurityEvent {
  id: string;
  at: number;
  kind: string;
  session_id: string | null;
  subject: string | null;
  user_agent: string | null;
  address: string | null;
}

/** Ways to recover the account if all passkeys are lost. */
export interface Factors {
  totp: { enabled: boolean; since: number | null };
  backup_codes: { left: number; made_at: number | null };
}

/** Whether the messaging keys have a backup, and since when. */
export interface BackupStatus {
  has_backup: boolean;
  updated_at: string | null;
}

export interface BlockedAccount {
  user_id: string;
  username: string | null;
  display_name: string | null;
  blocked_at: string;
}

/** A TOTP secret that the user has not confirmed yet. */
export interface Enrolment {
  secret: string;
  otpauth_uri: string;
  qr_svg: string;
}

/** Arguments of the browser methods that inform password managers about the account. */
export interface Signals {
  all_accepted_credentials: { rpId: string; userId: string; allAcceptedCredentialIds: string[] };
  current_user_details: { rpId: string; userId: string; name: string; displayName: string };
}

interface Challenge<Options> {
  challenge_id: string;
  options: Options;
}

/** The subject of a registration: a new account, or a new passkey of the signed-in user. */
export type Registrant = { email: string; name: string } | { label?: string };

/** Header value for a page that shows no account. The API has no account with this id. */
const NO_ACCOUNT = "none";
let owner = NO_ACCOUNT;

/** CSRF token of the session that the page shows. Fetched only after the API has asked for it. */
let csrfToken: string | undefined;

/** Makes the page show this account, or none, and cancels calls for the previous account. */
export const setOwner = (user: User | undefined): void => {
  owner = user?.id ?? NO_ACCOUNT;
  csrfToken = undefined;
  changeOwner();
};

interface Request {
  method?: string;
  body?: unknown;
  headers?: OwnerHeaders;
}

/** Headers that name the account of a request. */
interface OwnerHeaders {
  "X-Expected-User"?: string;
  "X-CSRF-Token"?: string;
}

const errorFor = (wrote: boolean, answer: Answer): ApiError => {
  const { error, code, step_up } = fieldsOf(answer.body);
  const { methods } = fieldsOf(step_up);
  return new ApiError(
    answer.status,
    typeof code === "string" ? code : "unknown",
    messageOf(answer, error),
    wrote,
    Array.isArray(methods) ? methods.map(String) : [],
  );
};

/** Calls an endpoint for the signed-in user, even if the page shows another account. */
const request = async <T>(
  path: string,
  { method = "GET", body, headers = {} }: Request = {},
  wrote = method !== "GET",
): Promise<T> => {
  const answer = await call(path, {
    method,
    body,
    headers: { ...headers },
    credentials: "same-origin",
    errorFor: (refused) => errorFor(wrote, refused),
  });
  return fieldsOf(answer.body) as T;
};

/** The maximum number of times that a refused CSRF token is replaced. */
const MAX_CSRF_REPLACEMENTS = 2;

/**
 * Calls an endpoint for the account that the page shows.
 *
 * The request names the account, because another tab may have signed in to another one. The API
 * then changes nothing. If the API asks for a CSRF token, the call is repeated with one, unless
 * `isWanted` says that the user has cancelled.
 */
const withCsrfToken = async <T>(
  path: string,
  { method = "GET", body }: Request,
  isWanted: () => boolean,
): Promise<T> => {
  const sameOwner = ownerGuard();
  for (let replaced = 0; ; replaced += 1) {
    const tried = method === "GET" ? undefined : csrfToken;
    const headers: OwnerHeaders = { "X-Expected-User": owner };
    if (tried !== undefined) headers["X-CSRF-Token"] = tried;
    try {
      return await request<T>(path, { method, body, headers });
    } catch (error) {
      const needsToken = error instanceof ApiError && error.code === "csrf_token_required";
      if (!needsToken || replaced === MAX_CSRF_REPLACEMENTS) throw error;
    }
    // Skipped if another request has fetched a new token in the meantime.
    if (csrfToken === tried) {
      const fetched = await request<{ csrf_token: string }>(
        "/api/auth/csrf",
        { headers: { "X-Expected-User": owner } },
        true,
      );
      if (!sameOwner()) throw abandoned();
      csrfToken = fetched.csrf_token;
    }
    if (!sameOwner() || !isWanted()) throw abandoned();
  }
};

/** Asks the user to confirm their identity by one of the methods. Resolves to true on success. */
type StepUp = (methods: readonly string[]) => Promise<boolean>;

let stepUp: StepUp = () => Promise.resolve(false);

/** Sets the handler for calls that need a recent confirmation of the user's identity. */
export const whenStepUpNeeded = (handler: StepUp): void => {
  stepUp = handler;
};

/** Methods that this page offers. Signing in again is another method of the API. */
const STEP_UP_METHODS = ["passkey", "totp"];

/**
 * Calls an endpoint for the account that the page shows. If the API asks for a confirmation of the
 * user's identity, the call is repeated once after it.
 */
const own = async <T>(
  path: string,
  options: Request = {},
  isWanted: () => boolean = () => true,
): Promise<T> => {
  const sameOwner = ownerGuard();
  try {
    return await withCsrfToken<T>(path, options, isWanted);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "reauthentication_required") throw error;
    if (!STEP_UP_METHODS.some((method) => error.methods.includes(method))) throw error;
    if (!sameOwner() || !isWanted()) throw abandoned();
    const isConfirmed = await stepUp(error.methods);
    if (!isConfirmed || !sameOwner() || !isWanted()) throw abandoned();
  }
  return withCsrfToken<T>(path, options, isWanted);
};

const post = (body?: unknown): Request => ({ method: "POST", body });
const DELETE: Request = { method: "DELETE" };

const eventsPath = (before?: string) =>
  `/api/users/me/events${before === undefined ? "" : `?before=${encodeURIComponent(before)}`}`;
const passkeyPath = (id: string) => `/api/webauthn/credentials/${encodeURIComponent(id)}`;
const sessionPath = (id: string) => `/api/users/me/sessions/${encodeURIComponent(id)}`;
const devicePath = (id: string) => `/api/app-attestation/keys/${encodeURIComponent(id)}`;

export const api = {
  /** Returns the user who is signed in in this browser, even if the page shows another account. */
  me: () => request<User>("/api/users/me"),
  deleteMe: (isWanted: () => boolean) => own<unknown>("/api/users/me", DELETE, isWanted),
  exportMe: () => own<Record<string, unknown>>("/api/users/me/export"),
  signOut: () => request<unknown>("/api/auth/sessions/logout", post()),

  beginRegistration: (registrant: Registrant) =>
    own<Challenge<PublicKeyCredentialCreationOptionsJSON>>(
      "/api/webauthn/register/begin",
      post(registrant),
    ),
  completeRegistration: (
    challenge_id: string,
    response: RegistrationResponseJSON,
    label?: string,
  ) =>
    own<{ user: User }>("/api/webauthn/register/complete", post({ challenge_id, response, label })),
  beginSignIn: (email?: string) =>
    request<Challenge<PublicKeyCredentialRequestOptionsJSON>>(
      "/api/webauthn/authenticate/begin",
      post({ email }),
    ),
  completeSignIn: (challenge_id: string, response: AuthenticationResponseJSON) =>
    request<{ user: User }>(
      "/api/webauthn/authenticate/complete",
      post({ challenge_id, response }),
    ),

  passkeys: () => own<{ credentials: Passkey[]; signals: Signals }>("/api/webauthn/credentials"),
  renamePasskey: (id: string, name: string) =>
    own<{ signals: Signals }>(passkeyPath(id), { method: "PATCH", body: { name } }),
  deletePasskey: (id: string) => own<{ signals: Signals }>(passkeyPath(id), DELETE),

  sessions: () => own<{ sessions: Session[] }>("/api/users/me/sessions"),
  endSession: (id: string) => own<unknown>(sessionPath(id), DELETE),
  endOtherSessions: () => own<{ revoked: number }>("/api/users/me/sessions", DELETE),
  events: (before?: string) =>
    own<{ events: SecurityEvent[]; next: string | null }>(eventsPath(before)),

  devices: () => own<{ keys: Device[] }>("/api/app-attestation/keys"),
  revokeDevice: (id: string) => own<unknown>(devicePath(id), DELETE),

  identityKey: () => own<{ identity_key: string | null }>("/api/v1/keys/identity"),
  prekeys: () => own<{ count: number; needs_replenishment: boolean }>("/api/v1/keys/prekeys/count"),
  backupStatus: () => own<BackupStatus>("/api/v1/keys/backup/status"),
  blocked: () => own<BlockedAccount[]>("/api/v1/users/blocked"),
  unblock: (id: string) => own<unknown>(`/api/v1/users/${encodeURIComponent(id)}/block`, DELETE),

  factors: () => own<Factors>("/api/auth/factors"),
  enrolTotp: () => own<Enrolment>("/api/auth/totp/enroll", post()),
  confirmTotp: (code: string) => own<unknown>("/api/auth/totp/confirm", post({ code })),
  disableTotp: () => own<unknown>("/api/auth/totp", DELETE),
  createBackupCodes: () => own<{ codes: string[] }>("/api/auth/backup-codes", post()),

  beginStepUp: () =>
    own<Challenge<PublicKeyCredentialRequestOptionsJSON>>("/api/auth/reauthenticate/begin", post()),
  completeStepUp: (
    challenge_id: string,
    proof: { response: AuthenticationResponseJSON } | { code: string },
  ) => own<unknown>("/api/auth/reauthenticate/complete", post({ challenge_id, ...proof })),

  beginRecovery: (name: { email: string } | { username: string }) =>
    request<{ challenge_id: string }>("/api/auth/recovery/begin", post(name)),
  completeRecovery: (challenge_id: string, code: string, revoke_others: boolean) =>
    request<{ user: User }>(
      "/api/auth/recovery/complete",
      post({ challenge_id, code, revoke_others }),
    ),
};
