// A small model of hamrah-app's server. It signs visitors in, keeps their session in a cookie, and
// calls the API through a service binding.
import { HamrahApi, HamrahApiError } from "../../clients/typescript/src/index.js";
import type {
  Changes,
  Fetcher,
  Identity,
  VisitorOptions,
} from "../../clients/typescript/src/index.js";

interface Env {
  API: Fetcher;
  INTERNAL_API_KEY?: string;
}

interface Visit {
  api: HamrahApi;
  request: Request;
  /** The visitor's cookie header. */
  visitor: { cookie: string | null };
  options: VisitorOptions;
  /** The `Set-Cookie` headers of the answer. */
  cookies: string[];
  /** The last part of the path. */
  last: string;
  raw: Fetcher;
}

const sessionToken = (cookie: string | null): string =>
  /(?:^|;\s*)session=([^;]*)/.exec(cookie ?? "")?.[1] ?? "";

const pages: Record<string, (visit: Visit) => Promise<unknown>> = {
  "POST /sign-in": async ({ api, request, options, cookies }) => {
    const user = await api.createUser((await request.json()) as Identity, options);
    const session = await api.createSession(
      { user_id: user.id, platform: "web", user_agent: request.headers.get("User-Agent") },
      options,
    );
    cookies.push(
      `session=${session.session_token}; Path=/; Max-Age=${session.expires_in}; HttpOnly; SameSite=Lax`,
    );
    return { user, expires_at: session.session_expires_at };
  },
  "POST /pair": async ({ api, request, options }) =>
    api.createTokens((await request.json()) as Identity, options),
  "POST /refresh": async ({ api, request, options }) =>
    api.refresh(((await request.json()) as { refresh_token: string }).refresh_token, options),
  "POST /by-email": async ({ api, request, options }) => ({
    user: await api.findUserByEmail(await request.text(), options),
  }),
  "GET /session": ({ api, visitor, options }) =>
    api.validateSession(sessionToken(visitor.cookie), options),
  "GET /visitor-session": ({ api, visitor, options }) =>
    api.validateVisitorSession(visitor, options),
  "GET /visitor": ({ api, request, options }) =>
    api.validateVisitor(
      { bearer: (request.headers.get("Authorization") ?? "").replace("Bearer ", "") },
      options,
    ),
  "GET /me": ({ api, visitor, options }) => api.me(visitor, options),
  "PUT /me": async ({ api, request, visitor, options }) =>
    api.updateMe(visitor, (await request.json()) as Changes, options),
  "DELETE /me": ({ api, visitor, options }) => api.deleteMe(visitor, options),
  "GET /tokens": ({ api, visitor, options }) => api.listTokens(visitor, options),
  "DELETE /token": ({ api, visitor, options, last }) => api.revokeToken(visitor, last, options),
  "DELETE /tokens": async ({ api, visitor, options, last }) => ({
    revoked: await api.revokeAllTokens(visitor, last, options),
  }),
  "POST /sign-out": ({ api, visitor, options }) => api.logout(visitor, options),
  // Sends exactly these headers to the API, without the client.
  "POST /raw": async ({ raw, request }) => {
    const { headers, body } = (await request.json()) as {
      headers: Record<string, string>;
      body: unknown;
    };
    const url = "http://localhost/api/internal/users";
    return raw.fetch(
      new Request(url, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    );
  },
};

const failed = (error: unknown): Response => {
  if (!(error instanceof HamrahApiError)) throw error;
  const { status, code, message, requestId, retryAfter } = error;
  return Response.json({ status, code, message, requestId, retryAfter }, { status: status || 502 });
};

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const [, page = "", last = ""] = pathname.split("/");
    const cookies: string[] = [];
    const answer = await pages[`${request.method} /${page}`]?.({
      api: new HamrahApi({
        api: env.API,
        ...(env.INTERNAL_API_KEY ? { internalKey: env.INTERNAL_API_KEY } : {}),
      }),
      request,
      visitor: { cookie: request.headers.get("Cookie") },
      options: { signal: AbortSignal.timeout(10_000), onSetCookie: (line) => cookies.push(line) },
      cookies,
      last,
      raw: env.API,
    }).catch(failed);
    const response =
      answer instanceof Response
        ? new Response(answer.body, answer)
        : Response.json(answer ?? null);
    for (const cookie of cookies) response.headers.append("Set-Cookie", cookie);
    return response;
  },
};
