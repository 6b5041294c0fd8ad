// The endpoints of the authorization service that the admin page calls. Requests carry no cookies.
// The token is only in the memory of this module.
import { ApiError } from "../shared/api-error.js";
import { type Answer, type Fields, call, changeOwner, fieldsOf, messageOf } from "../shared/api.js";

export interface Named {
  id: number;
  name: string;
}

export interface Person extends Named {
  username: string;
}

export interface Service extends Named {
  description: string | null;
}

/** A role or a permission that a person has. */
export interface Grant extends Named {
  /** Seconds since 1970, or null if the grant does not expire. */
  expires_at: number | null;
}

export interface Holder extends Person {
  roles: Grant[];
  permissions: Grant[];
}

export interface Access {
  roles: string[];
  permissions: string[];
}

export interface Change {
  id: number;
  at: number;
  action: string;
  actor: string;
  person_id?: number;
  service_id?: number;
  role_id?: number;
  permission_id?: number;
  detail: Record<string, unknown> | null;
}

/** A single grant that would give the permission. */
export interface Remedy {
  grant: "person_service_role" | "role_permission" | "person_service_permission";
  role?: Named;
}

export interface Explanation {
  allowed: boolean;
  reason: string;
  via: { role?: string; direct?: boolean } | null;
  direct_grant: boolean;
  roles: { role: Named; held: boolean; ended: boolean; has_permission: boolean }[];
  would_allow: Remedy[];
}

/** A page of a list, and the path of the next page. */
export interface Page<T> {
  entries: T[];
  next: string | null;
}

/** The person who is signed in, and when the token expires. */
export interface Lifetime {
  person: { username: string; name: string };
  /** Milliseconds since 1970, by the clock of this browser. */
  ends: number;
}

/** The factors of a person that were removed. */
export interface RemovedFactors {
  totp: boolean;
  backup_codes: number;
}

/** Built-in services, roles and permissions have ids above this. They cannot be changed. */
const BUILT_IN_IDS = 1_000_000_000;

export const isBuiltIn = ({ id }: Named): boolean => id > BUILT_IN_IDS;

const SIGNED_OUT_CODES = new Set(["missing_token_header", "invalid_token", "expired_token"]);

/** An error response of the authorization service. */
export class Refusal extends ApiError {
  /** If an object is not deleted because it is in use: the names of its users, by kind. */
  readonly usedBy: Readonly<Record<string, string[]>> | undefined;
  /** The permission that the caller lacks. */
  readonly permission: string | undefined;

  constructor(status: number, code: string, message: string, details: Fields = {}) {
    super(status, code, message);
    const { used_by, permission } = details;
    this.usedBy =
      typeof used_by === "object" && used_by !== null
        ? (used_by as Record<string, string[]>)
        : undefined;
    this.permission = typeof permission === "string" ? permission : undefined;
  }

  override get signedOut(): boolean {
    return this.status === 401 && SIGNED_OUT_CODES.has(this.code);
  }
}

let token: string | undefined;

/** Forgets the token and cancels every call that was made with it. */
export const forgetToken = (): void => {
  token = undefined;
  changeOwner();
};

const refusalOf = (answer: Answer): Refusal => {
  const details = fieldsOf(answer.body);
  const { error, detail } = details;
  const code = typeof error === "string" ? error : "unknown";
  return new Refusal(answer.status, code, messageOf(answer, detail), details);
};

const request = (path: string, method = "GET", body?: unknown): Promise<Answer> => {
  const headers: Record<string, string> = { "X-Client-Id": "admin-page" };
  if (token !== undefined) headers["token"] = token;
  return call(path, { method, body, headers, credentials: "omit", errorFor: refusalOf });
};

const get = async <T>(path: string): Promise<T> => (await request(path)).body as T;
const send = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
  (await request(path, method, body)).body as T;

/** A `Link` header with the next page: a path of this origin. */
const NEXT = /^<(\/[^/>][^>]*)>; rel="next"$/;

/** Returns a page of a list. */
export const page = async <T>(path: string): Promise<Page<T>> => {
  const { headers, body } = await request(path);
  return { entries: body as T[], next: NEXT.exec(headers.get("Link") ?? "")?.[1] ?? null };
};

const PAGE_SIZE = 500;
/** A menu with more entries than these pages hold would be of no use. */
const MAX_PAGES = 20;

/** Returns all entries of a list, for a menu. */
export const all = async <T>(path: string): Promise<T[]> => {
  const entries: T[] = [];
  let next: string | null = `${path}?limit=${PAGE_SIZE}`;
  for (let count = 0; next !== null && count < MAX_PAGES; count += 1) {
    const current: Page<T> = await page<T>(next);
    entries.push(...current.entries);
    ({ next } = current);
  }
  return entries;
};

/**
 * Returns the lifetime of a token by this browser's clock. That clock may be wrong, so the
 * remaining time is counted from the `Date` of the response.
 */
const lifetimeOf = ({ headers, body }: Answer): Lifetime => {
  const { expires_at, payload } = body as { expires_at: number; payload: Lifetime["person"] };
  const serverTime = Date.parse(headers.get("Date") ?? "");
  const remaining = expires_at * 1000 - (Number.isNaN(serverTime) ? Date.now() : serverTime);
  return { person: payload, ends: Date.now() + remaining };
};

const segment = (text: string | number): string => encodeURIComponent(text);
const forced = (force: boolean): string => (force ? "?force=true" : "");

/** The body that grants or revokes a relation: the ids of its objects and, if any, its end. */
type Relation = Record<string, string | number>;

export const api = {
  signIn: async (username: string, password: string, code?: string): Promise<Lifetime> => {
    const credentials = { username, password, ...(code ? { code } : {}) };
    const answer = await request("/auth/login", "POST", credentials);
    ({ token } = answer.body as { token: string });
    return lifetimeOf(answer);
  },
  signOut: () => send<unknown>("POST", "/auth/logout"),
  profile: async (): Promise<Lifetime> => lifetimeOf(await request("/auth/profile")),

  createPerson: (person: Record<string, string>) => send<Person>("POST", "/users", person),
  updatePerson: (id: number, changes: Record<string, string>) =>
    send<unknown>("PUT", `/users/${id}`, changes),
  deletePerson: (id: number) => send<unknown>("DELETE", `/users/${id}`),
  revokeTokens: (id: number) => send<{ revoked_tokens: number }>("DELETE", `/users/${id}/tokens`),

  removeFactors: (id: number) => send<RemovedFactors>("DELETE", `/users/${id}/factors`),

  /** `kind` is `roles`, `permissions` or `services`. */
  create: (kind: string, fields: Record<string, string>) => send<Named>("POST", `/${kind}`, fields),
  update: (kind: string, id: number, changes: Record<string, string>) =>
    send<unknown>("PUT", `/${kind}/${id}`, changes),
  remove: (kind: string, id: number, force = false) =>
    send<unknown>("DELETE", `/${kind}/${id}${forced(force)}`),

  /**
   * `kind` is `role-permissions`, `service-roles`, `person-service-roles` or
   * `person-service-permissions`.
   */
  grant: (kind: string, relation: Relation) => send<unknown>("POST", `/${kind}`, relation),
  revoke: (kind: string, relation: Relation) => send<unknown>("DELETE", `/${kind}`, relation),

  access: (person: number, service: number) => get<Access>(`/people/${person}/services/${service}`),
  explain: (subject: string, service: number, permission: string) => {
    const question = `subject=${segment(subject)}&service=${service}`;
    return get<Explanation>(`/explain?${question}&permission=${segment(permission)}`);
  },
};
