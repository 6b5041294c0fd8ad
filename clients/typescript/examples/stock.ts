/**
 * A backend that checks its users' tokens with the authorization service. It is the service
 * "Stock", whose items users read and change. It uses the standard `Request` and `Response`, so it
 * runs in a Worker and on any other server that has them.
 */
import {
  type AuthorizationClient,
  AuthorizationUnavailable,
  type Allowed,
  type CheckOptions,
} from "../src/authorization.js";

const READS = ["GET", "HEAD"];

/** Wraps a handler. Requests without the permission get an error response. */
export const guarded =
  (
    client: AuthorizationClient,
    permissionFor: (request: Request) => string,
    handle: (request: Request, who: Allowed) => Promise<Response>,
  ) =>
  async (request: Request): Promise<Response> => {
    // Every method except GET and HEAD counts as a write, so an unknown method is never cached.
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
      // Refuse the request if the service did not answer.
      const headers = { "Retry-After": String(error.retryAfter ?? 5) };
      return Response.json({ error: "unavailable" }, { status: 503, headers });
    }
  };

/** Creates the backend. `logout` calls the authorization service's `POST /auth/logout`. */
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
    // The token is forgotten even if the logout failed, so that the next read asks the service.
    await client.forget(token);
    return answer;
  };
};
