/** The example backend as a Worker, bound to the authorization service: what it knows belongs to its isolate. */
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
    const logout = (token: string) => API.fetch(new Request(`${url}/auth/logout`, { method: "POST", headers: { token } }));
    handle ??= stock(new AuthorizationClient({ url, service: SERVICE, fetch: (question) => API.fetch(question) }), logout);
    return handle(request);
  },
};
