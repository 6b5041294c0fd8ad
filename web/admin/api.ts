// The authorization service, as the page calls it: same origin, no cookies, and the token in the memory of this module alone.
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

/** A role or a permission of somebody, and when that ends, in seconds; null: never. */
export interface Grant extends Named {
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

/** A single grant after which somebody might do it. */
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

/** A page of a list, and where the next one is. */
export interface Page<T> {
  entries: T[];
  next: string | null;
}

/** Until when a token is good, by the clock of this browser, in milliseconds. */
export interface Lifetime {
  person: { username: string; name: string };
  ends: number;
}

/** What is built into the service has ids above this one: it keeps its name, and stays. */
const BUILT_IN = 1_000_000_000;

export const isBuiltIn = ({ id }: Named): boolean => id > BUILT_IN;

const ENDED = new Set(["missing_token_header", "invalid_token", "expired_token"]);

/** Why the service refused a call. */
export class Refusal extends ApiError {
  /** What a thing is used by, where it is for that reason that it is not deleted: names by their kind. */
  readonly usedBy: Readonly<Record<string, string[]>> | undefined;
  /** The permission that whoever called lacks. */
  readonly permission: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { used_by?: unknown; permission?: unknown } = {},
  ) {
    super(status, code, message);
    this.usedBy =
      typeof more.used_by === "object" && more.used_by !== null
        ? (more.used_by as Record<string, string[]>)
        : undefined;
    this.permission = typeof more.permission === "string" ? more.permission : undefined;
  }

  override get signedOut(): boolean {
    return this.status === 401 && ENDED.has(this.code);
  }
}

let token: string | undefined;

/** Nobody is signed in any more; what is under way for whoever was is given up. */
export const forget = (): void => {
  token = undefined;
  turn();
  for (const each of underWay) each.abort("left");
};

const underWay = new Set<AbortController>();

interface Answer {
  status: number;
  headers: Headers;
  body: unknown;
}

const attempt = async (method: string, path: string, sent: unknown): Promise<Answer> => {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "X-Client-Id": "admin-page",
  };
  if (token !== undefined) headers["token"] = token;
  if (sent !== undefined) headers["Content-Type"] = "application/json";
  const request = new AbortController();
  const init: RequestInit = {
    method,
    headers,
    credentials: "omit",
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
    return { status: response.status, headers: response.headers, body };
  } catch {
    throw request.signal.reason === "left" ? left() : new Refusal(0, "network", UNREACHABLE);
  } finally {
    clearTimeout(timer);
    underWay.delete(request);
  }
};

const waitAsked = ({ headers }: Answer): number => Number(headers.get("Retry-After") ?? "none");

/** The service's own sentence. Only what is broken on its side is worth a reference. */
const refusalOf = (answer: Answer): Refusal => {
  const { status } = answer;
  const body = (
    typeof answer.body === "object" && answer.body !== null ? answer.body : {}
  ) as Record<string, unknown>;
  const { error, detail, request_id } = body;
  const sentence =
    typeof detail === "string" && detail !== ""
      ? detail
      : `The service answered with status ${status}.`;
  const reference =
    status >= 500 && typeof request_id === "string" ? ` (Reference: ${request_id})` : "";
  const told = sentence + waitOf(status, waitAsked(answer)) + reference;
  return new Refusal(status, typeof error === "string" ? error : "unknown", told, body);
};

const call = async (method: string, path: string, sent?: unknown): Promise<Answer> => {
  const same = here();
  let answer = await attempt(method, path, sent);
  if (answer.status === 503 && waitAsked(answer) <= LONGEST_WAIT_S) {
    await new Promise((resume) => setTimeout(resume, waitAsked(answer) * 1000));
    if (!same()) throw left();
    answer = await attempt(method, path, sent);
  }
  if (!same()) throw left();
  if (answer.status !== 200 && answer.status !== 201) throw refusalOf(answer);
  return answer;
};

const get = async <T>(path: string): Promise<T> => (await call("GET", path)).body as T;
const write = async <T>(method: string, path: string, sent?: unknown): Promise<T> =>
  (await call(method, path, sent)).body as T;

/** Where the next page is: a path of this origin, or nothing. */
const NEXT = /^<(\/[^/>][^>]*)>; rel="next"$/;

/** A page of a list; what comes after it is at `next`. */
export const page = async <T>(path: string): Promise<Page<T>> => {
  const { headers, body } = await call("GET", path);
  return { entries: body as T[], next: NEXT.exec(headers.get("Link") ?? "")?.[1] ?? null };
};

const LARGEST_PAGE = 500;
/** Nobody chooses from more than that. */
const MOST_PAGES = 20;

/** A list to choose from: all of it. */
export const all = async <T>(path: string): Promise<T[]> => {
  const entries: T[] = [];
  let next: string | null = `${path}?limit=${LARGEST_PAGE}`;
  for (let turned = 0; next !== null && turned < MOST_PAGES; turned += 1) {
    const read: Page<T> = await page<T>(next);
    entries.push(...read.entries);
    ({ next } = read);
  }
  return entries;
};

/** By this browser's clock, which may be wrong: the answer says what time it was there. */
const lifetimeOf = ({ headers, body }: Answer): Lifetime => {
  const { expires_at, payload } = body as { expires_at: number; payload: Lifetime["person"] };
  const there = Date.parse(headers.get("Date") ?? "");
  const left = expires_at * 1000 - (Number.isNaN(there) ? Date.now() : there);
  return { person: payload, ends: Date.now() + left };
};

const segment = (text: string | number): string => encodeURIComponent(text);
const forced = (force: boolean): string => (force ? "?force=true" : "");

/** Something between two or three things, and what it is asked with. */
type Relation = Record<string, string | number>;

export const api = {
  signIn: async (username: string, password: string, code?: string): Promise<Lifetime> => {
    const answer = await call("POST", "/auth/login", {
      username,
      password,
      ...(code ? { code } : {}),
    });
    ({ token } = answer.body as { token: string });
    return lifetimeOf(answer);
  },
  signOut: () => write<unknown>("POST", "/auth/logout"),
  profile: async (): Promise<Lifetime> => lifetimeOf(await call("GET", "/auth/profile")),

  makePerson: (person: Record<string, string>) => write<Person>("POST", "/users", person),
  changePerson: (id: number, to: Record<string, string>) =>
    write<unknown>("PUT", `/users/${id}`, to),
  deletePerson: (id: number) => write<unknown>("DELETE", `/users/${id}`),
  endTokens: (id: number) => write<{ revoked_tokens: number }>("DELETE", `/users/${id}/tokens`),

  /** `kind` is `roles`, `permissions` or `services`. */
  make: (kind: string, thing: Record<string, string>) => write<Named>("POST", `/${kind}`, thing),
  change: (kind: string, id: number, to: Record<string, string>) =>
    write<unknown>("PUT", `/${kind}/${id}`, to),
  remove: (kind: string, id: number, force = false) =>
    write<unknown>("DELETE", `/${kind}/${id}${forced(force)}`),

  /** `kind` is `role-permissions`, `service-roles`, `person-service-roles` or `person-service-permissions`. */
  relate: (kind: string, relation: Relation) => write<unknown>("POST", `/${kind}`, relation),
  part: (kind: string, relation: Relation) => write<unknown>("DELETE", `/${kind}`, relation),

  access: (person: number, service: number) => get<Access>(`/people/${person}/services/${service}`),
  explain: (subject: string, service: number, permission: string) =>
    get<Explanation>(
      `/explain?subject=${segment(subject)}&service=${service}&permission=${segment(permission)}`,
    ),
};
