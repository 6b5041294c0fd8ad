/**
 * A backend that asks the authorization service: the service "Stock", with items that are read and changed. It speaks the Web's
 * `Request` and `Response`, so it runs in a Worker as it is, and behind any server.
 */
import {
  type AuthorizationClient,
  AuthorizationUnavailable,
  type Allowed,
  type CheckOptions,
} from "../src/authorization.js";

const READS = ["GET", "HEAD"];

/** Lets in whoever may; everybody else gets the answer that says why not. */
export const guarded =
  (
    client: AuthorizationClient,
    permissionFor: (request: Request) => string,
    handle: (request: Request, who: Allowed) => Promise<Response>,
  ) =>
  async (request: Request): Promise<Response> => {
    // By the method, and everything that is no plain read is a write: a new method must not become a cached one.
    const options: CheckOptions = {
      write: !READS.includes(request.method),
      permission: permissionFor(request),
    };
    try {
      const checked = await client.check(request.headers.get("token"), options);
      if (checked.ok) return await handle(request, checked);
      return Response.json({ error: checked.error }, { status: checked.status });
    } catch (error) {
      if (!(error instanceof AuthorizationUnavailable)) throw error;
      // Not known is not allowed.
      const headers = { "Retry-After": String(error.retryAfter ?? 5) };
      return Response.json({ error: "unavailable" }, { status: 503, headers });
    }
  };

/** The backend. `logout` is the authorization service's `POST /auth/logout`. */
export const stock = (
  client: AuthorizationClient,
  logout: (token: string) => Promise<Response>,
) => {
  const items = new Map<string, number>();
  const permissionFor = ({ method }: Request) => (READS.includes(method) ? "read" : "write");
  const guardedItems = guarded(client, permissionFor, async (request, who) => {
    if (!READS.includes(request.method)) items.set(new URL(request.url).pathname, who.user.user_id);
    return Response.json({ items: [...items.keys()], by: who.user.username, cached: who.cached });
  });
  return async (request: Request): Promise<Response> => {
    const token = request.headers.get("token");
    if (new URL(request.url).pathname !== "/logout" || token === null) return guardedItems(request);
    const answer = await logout(token);
    // Whatever came of it: the next read asks.
    await client.forget(token);
    return answer;
  };
};
