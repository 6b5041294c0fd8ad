/**
 * The example backend as a Worker with a binding to the authorization service. Its cache belongs to
 * its isolate.
 */
import { stock } from "../../clients/typescript/examples/stock.js";
import { AuthorizationClient } from "../../clients/typescript/src/authorization.js";

interface Env {
  API: { fetch(request: Request): Promise<Response> };
  SERVICE: string;
}

let handle: ((request: Request) => Promise<Response>) | undefined;

export default {
  fetch(request: Request, { API, SERVICE }: Env): Promise<Response> {
    // A binding ignores the host.
    const url = "http://localhost";
    const logout = (token: string) =>
      API.fetch(new Request(`${url}/auth/logout`, { method: "POST", headers: { token } }));
    handle ??= stock(
      new AuthorizationClient({ url, service: SERVICE, fetch: (question) => API.fetch(question) }),
      logout,
    );
    return handle(request);
  },
};
