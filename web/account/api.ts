// The API, as the page calls it: same origin, the session in an HttpOnly cookie that no script sees.
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/browser";
import {
  ApiError,
  LONGEST_WAIT_S,
  PATIENCE_MS,
  UNREACHABLE,
  here,
  left,
  turn,
  waitOf,
} from "../shared/failure.js";

export { ApiError, here, left };

export interface User {
  id: string;
  email: string;
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

/** A device with the app, by its key that Apple attested. */
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

/** What opens the account again when its passkeys are lost. */
export interface Factors {
  totp: { enabled: boolean; since: number | null };
  backup_codes: { left: number; made_at: number | null };
}

/** A TOTP secret that was not confirmed yet. */
export interface Enrolment {
  secret: string;
  otpauth_uri: string;
  qr_svg: string;
}

/** What the browser shall tell password managers, in the shape that it takes. */
export interface Signals {
  all_accepted_credentials: { rpId: string; userId: string; allAcceptedCredentialIds: string[] };
  current_user_details: { rpId: string; userId: string; name: string; displayName: string };
}

interface Begun<Options> {
  challenge_id: string;
  options: Options;
}

/** Who registers: somebody new, or, with a session, whoever is signed in. */
export type Registrant = { email: string; name: string } | { label?: string };

const underWay = new Set<AbortController>();

/** What the page says instead of an account's id while it shows none: the API takes it for none of its accounts. */
const NOBODY = "nobody";
let shown = NOBODY;

/** The token against requests from other sites, once the API has asked for one: that of the sign-in which the page shows. */
let csrfToken: string | undefined;

/** The page shows this account from now on, or none. What is under way is given up: it belongs to whoever was shown before. */
export const turnTo = (user: User | undefined): void => {
  shown = user?.id ?? NOBODY;
  csrfToken = undefined;
  turn();
  for (const each of underWay) each.abort("left");
};

interface Answer {
  status: number;
  retryAfter: number;
  body: Record<string, unknown>;
}

/** What a request says of whoever it is for. */
type Whose = { "X-Expected-User"?: string; "X-CSRF-Token"?: string };

const attempt = async (
  method: string,
  path: string,
  sent: unknown,
  whose: Whose,
): Promise<Answer> => {
  const headers: Record<string, string> = { Accept: "application/json", ...whose };
  if (sent !== undefined) headers["Content-Type"] = "application/json";
  const request = new AbortController();
  const init: RequestInit = {
    method,
    headers,
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
    signal: request.signal,
  };
  if (sent !== undefined) init.body = JSON.stringify(sent);
  const timer = setTimeout(() => request.abort("late"), PATIENCE_MS);
  underWay.add(request);
  try {
    const response = await fetch(path, init);
    const body: unknown = await response.json().catch((error: unknown) => {
      // An error that something in between wrote: its status says enough.
      if (response.ok || request.signal.aborted) throw error;
      return {};
    });
    const retryAfter = Number(response.headers.get("Retry-After") ?? "none");
    return {
      status: response.status,
      retryAfter,
      body: typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {},
    };
  } catch {
    throw request.signal.reason === "left" ? left() : new ApiError(0, "network", UNREACHABLE);
  } finally {
    clearTimeout(timer);
    underWay.delete(request);
  }
};

/** The API's own sentence. Only what is broken on its side is worth a reference. */
const errorOf = (wrote: boolean, { status, retryAfter, body }: Answer): ApiError => {
  const { error, code, request_id, step_up } = body;
  const sentence =
    typeof error === "string" && error !== ""
      ? error
      : `The service answered with status ${status}.`;
  const reference =
    status >= 500 && typeof request_id === "string" ? ` (Reference: ${request_id})` : "";
  const { methods } = (typeof step_up === "object" && step_up !== null ? step_up : {}) as {
    methods?: unknown;
  };
  const known = Array.isArray(methods) ? methods.map(String) : [];
  return new ApiError(
    status,
    typeof code === "string" ? code : "unknown",
    sentence + waitOf(status, retryAfter) + reference,
    wrote,
    known,
  );
};

const call = async <T>(
  method: string,
  path: string,
  sent?: unknown,
  whose: Whose = {},
  writes = method !== "GET",
): Promise<T> => {
  const same = here();
  let answer = await attempt(method, path, sent, whose);
  if (answer.status === 503 && answer.retryAfter <= LONGEST_WAIT_S) {
    await new Promise((resume) => setTimeout(resume, answer.retryAfter * 1000));
    if (!same()) throw left();
    answer = await attempt(method, path, sent, whose);
  }
  if (!same()) throw left();
  if (answer.status !== 200) throw errorOf(writes, answer);
  return answer.body as T;
};

/** How often a CSRF token that was refused is replaced. */
const MOST_REPLACED = 2;

/**
 * For whoever the page shows, and nobody else: the cookie may be somebody else's by now, who signed in in another tab, and then the API
 * does nothing. Repeated with a CSRF token where the API asks for one and it is still wanted.
 */
const mine = async <T>(
  method: string,
  path: string,
  sent: unknown,
  wanted: () => boolean,
): Promise<T> => {
  const same = here();
  for (let replaced = 0; ; replaced += 1) {
    const tried = method === "GET" ? undefined : csrfToken;
    try {
      return await call<T>(method, path, sent, {
        "X-Expected-User": shown,
        ...(tried === undefined ? {} : { "X-CSRF-Token": tried }),
      });
    } catch (error) {
      if (
        !(error instanceof ApiError) ||
        error.code !== "csrf_token_required" ||
        replaced === MOST_REPLACED
      )
        throw error;
    }
    // Unless another request has fetched one meanwhile.
    if (csrfToken === tried) {
      const { csrf_token } = await call<{ csrf_token: string }>(
        "GET",
        "/api/auth/csrf",
        undefined,
        { "X-Expected-User": shown },
        true,
      );
      if (!same()) throw left();
      csrfToken = csrf_token;
    }
    if (!same() || !wanted()) throw left();
  }
};

/** Asks somebody to prove again who they are, by one of the methods; gives whether they did. */
type Prove = (methods: readonly string[]) => Promise<boolean>;

let prove: Prove = () => Promise.resolve(false);

/** What happens when the API asks whoever signed in a while ago to prove again who they are. */
export const whenTooOld = (handler: Prove): void => {
  prove = handler;
};

/** What can be proved without leaving the page. */
const PROOFS = ["passkey", "totp"];

/** For whoever the page shows. Repeated once, when they had to prove who they are and it is still wanted. */
const own = async <T>(
  method: string,
  path: string,
  sent?: unknown,
  wanted = () => true,
): Promise<T> => {
  const same = here();
  try {
    return await mine<T>(method, path, sent, wanted);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "reauthentication_required") throw error;
    if (!PROOFS.some((proof) => error.methods.includes(proof))) throw error;
    if (!same() || !wanted()) throw left();
    if (!(await prove(error.methods)) || !same() || !wanted()) throw left();
  }
  return mine<T>(method, path, sent, wanted);
};

const eventsPath = (before?: string) =>
  `/api/users/me/events${before === undefined ? "" : `?before=${encodeURIComponent(before)}`}`;
const passkeyPath = (id: string) => `/api/webauthn/credentials/${encodeURIComponent(id)}`;

export const api = {
  /** Whoever is signed in in this browser, no matter whom the page shows. */
  me: () => call<User>("GET", "/api/users/me"),
  deleteMe: (wanted: () => boolean) => own<unknown>("DELETE", "/api/users/me", undefined, wanted),
  exportMe: () => own<Record<string, unknown>>("GET", "/api/users/me/export"),
  signOut: () => call<unknown>("POST", "/api/auth/sessions/logout"),

  beginRegistration: (who: Registrant) =>
    own<Begun<PublicKeyCredentialCreationOptionsJSON>>("POST", "/api/webauthn/register/begin", who),
  completeRegistration: (
    challenge_id: string,
    response: RegistrationResponseJSON,
    label?: string,
  ) =>
    own<{ user: User }>("POST", "/api/webauthn/register/complete", {
      challenge_id,
      response,
      label,
    }),
  beginSignIn: (email?: string) =>
    call<Begun<PublicKeyCredentialRequestOptionsJSON>>("POST", "/api/webauthn/authenticate/begin", {
      email,
    }),
  completeSignIn: (challenge_id: string, response: AuthenticationResponseJSON) =>
    call<{ user: User }>("POST", "/api/webauthn/authenticate/complete", { challenge_id, response }),

  passkeys: () =>
    own<{ credentials: Passkey[]; signals: Signals }>("GET", "/api/webauthn/credentials"),
  renamePasskey: (id: string, name: string) =>
    own<{ signals: Signals }>("PATCH", passkeyPath(id), { name }),
  deletePasskey: (id: string) => own<{ signals: Signals }>("DELETE", passkeyPath(id)),

  sessions: () => own<{ sessions: Session[] }>("GET", "/api/users/me/sessions"),
  endSession: (id: string) =>
    own<unknown>("DELETE", `/api/users/me/sessions/${encodeURIComponent(id)}`),
  endOtherSessions: () => own<{ revoked: number }>("DELETE", "/api/users/me/sessions"),
  events: (before?: string) =>
    own<{ events: SecurityEvent[]; next: string | null }>("GET", eventsPath(before)),

  devices: () => own<{ keys: Device[] }>("GET", "/api/app-attestation/keys"),
  revokeDevice: (id: string) =>
    own<unknown>("DELETE", `/api/app-attestation/keys/${encodeURIComponent(id)}`),

  factors: () => own<Factors>("GET", "/api/auth/factors"),
  enrolTotp: () => own<Enrolment>("POST", "/api/auth/totp/enroll"),
  confirmTotp: (code: string) => own<unknown>("POST", "/api/auth/totp/confirm", { code }),
  disableTotp: () => own<unknown>("DELETE", "/api/auth/totp"),
  makeBackupCodes: () => own<{ codes: string[] }>("POST", "/api/auth/backup-codes"),

  beginReauthentication: () =>
    own<Begun<PublicKeyCredentialRequestOptionsJSON>>("POST", "/api/auth/reauthenticate/begin"),
  completeReauthentication: (
    challenge_id: string,
    proof: { response: AuthenticationResponseJSON } | { code: string },
  ) => own<unknown>("POST", "/api/auth/reauthenticate/complete", { challenge_id, ...proof }),

  beginRecovery: (email: string) =>
    call<{ challenge_id: string }>("POST", "/api/auth/recovery/begin", { email }),
  completeRecovery: (challenge_id: string, code: string, revoke_others: boolean) =>
    call<{ user: User }>("POST", "/api/auth/recovery/complete", {
      challenge_id,
      code,
      revoke_others,
    }),
};
