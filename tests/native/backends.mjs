// Helpers for tests of backends: an administrator of the authorization service, a proxy to it that
// counts and fails, and a backend.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { build } from "esbuild";

export const PASSWORD = "zebra crossing 77";

/** Bundles TypeScript and imports it, because older versions of Node cannot import it directly. */
const load = async (path) => {
  const entryPoints = [new URL(path, import.meta.url).pathname];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
  );
};
/**
 * The client, and the example from the documentation. They are bundled together so that they share
 * their classes.
 */
export const { AuthorizationClient, AuthorizationUnavailable, stock } = await load(
  "../../clients/typescript/test/both.ts",
);

const listening = async (handle) => {
  const server = createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
};

const bodyOf = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length > 0 ? Buffer.concat(chunks) : undefined;
};

const passOn = async (request, answer) => {
  const response = answer instanceof Response ? answer : await answer;
  request.writeHead(response.status, Object.fromEntries(response.headers));
  request.end(Buffer.from(await response.arrayBuffer()));
};

/**
 * Starts a proxy to the service. `checks` holds the requests to `/check-token`. `mode` is `pass`,
 * `busy` (a 503), `cut` (no answer) or `hold`, which holds answers until `release()`, like a slow
 * network.
 */
export const startProxy = async (to) => {
  const state = { mode: "pass", checks: [], held: [] };
  const server = await listening(async (request, response) => {
    const body = await bodyOf(request);
    if (request.url === "/check-token")
      state.checks.push({ body: JSON.parse(body), client: request.headers["x-client-id"] });
    if (state.mode === "cut") return request.socket.destroy();
    if (state.mode === "busy")
      return passOn(
        response,
        Response.json({ error: "unavailable" }, { status: 503, headers: { "retry-after": "7" } }),
      );
    const headers = Object.fromEntries(
      ["token", "x-client-id", "content-type"].flatMap((name) =>
        request.headers[name] ? [[name, request.headers[name]]] : [],
      ),
    );
    const answer = await fetch(`${to}${request.url}`, {
      method: request.method,
      headers,
      body,
    }).catch(() => undefined);
    if (!answer) return request.socket.destroy();
    const text = await answer.arrayBuffer();
    if (state.mode === "hold") await new Promise((resume) => state.held.push(resume));
    const kept = ["content-type", "retry-after"].flatMap((name) =>
      answer.headers.has(name) ? [[name, answer.headers.get(name)]] : [],
    );
    return passOn(response, new Response(text, { status: answer.status, headers: kept }));
  });
  const release = () => {
    state.mode = "pass";
    for (const resume of state.held.splice(0)) resume();
  };
  return Object.assign(state, server, { release });
};

/**
 * Starts the example backend behind a real server, with a proxy of its own to the service.
 * `clock.ahead` sets its clock forward, in seconds.
 */
export const backend = async (api, service, options = {}) => {
  const proxy = await startProxy(api);
  const clock = { ahead: 0 };
  const now = () => Date.now() + clock.ahead * 1000;
  const client = new AuthorizationClient({
    url: proxy.url,
    service,
    clientId: "stock",
    now,
    ...options,
  });
  const handle = stock(client, (token) =>
    fetch(`${proxy.url}/auth/logout`, { method: "POST", headers: { token } }),
  );
  const server = await listening(async (request, response) => {
    const init = {
      method: request.method,
      headers: request.headers.token === undefined ? {} : { token: request.headers.token },
    };
    await passOn(response, handle(new Request(`http://backend${request.url}`, init)));
  });
  /**
   * Sends a visitor's request. Returns the status and members of the answer, and how many times the
   * backend asked the service.
   */
  const visit = async (method, token, url = "/items/1") => {
    const before = proxy.checks.length;
    const answer = await fetch(`${server.url}${url}`, {
      method,
      headers: token === undefined ? {} : { token },
    });
    return {
      status: answer.status,
      retryAfter: answer.headers.get("retry-after"),
      ...(await answer.json()),
      asked: proxy.checks.length - before,
    };
  };
  const stop = async () => {
    proxy.release();
    await server.stop();
    await proxy.stop();
  };
  return { proxy, clock, client, visit, stop };
};

/** Creates the service's first administrator. Returns functions that create services and people. */
export const administrator = async (api, secret) => {
  let next = 0;
  let token;
  const ask = async (method, path, body, as = token) => {
    const headers = { "content-type": "application/json", ...(as && { token: as }) };
    const answer = await fetch(`${api}${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const login = async (username) =>
    (await ask("POST", "/auth/login", { username, password: PASSWORD })).token;
  await ask("POST", "/auth/bootstrap", {
    secret,
    username: "root",
    name: "Root",
    password: PASSWORD,
  });
  token = await login("root");
  const create = async (kind, name) => (await ask("POST", `/${kind}`, { name })).id;
  const permissions = {
    read: await create("permissions", "read"),
    write: await create("permissions", "write"),
  };

  /**
   * Creates a service with a role that may read and write there. `member` creates a person who has
   * the role.
   */
  const place = async () => {
    next += 1;
    const name = `Stock ${next}`;
    const [service, role] = [
      await create("services", name),
      await create("roles", `Keeper ${next}`),
    ];
    for (const permission of Object.values(permissions))
      await ask("POST", "/role-permissions", { role_id: role, permission_id: permission });
    await ask("POST", "/service-roles", { service_id: service, role_id: role });
    const member = async () => {
      next += 1;
      const username = `keeper${next}`;
      const { id } = await ask("POST", "/users", { username, name: username, password: PASSWORD });
      const grant = { person_id: id, service_id: service, role_id: role };
      const give = () => ask("POST", "/person-service-roles", grant);
      const revoke = () => ask("DELETE", "/person-service-roles", grant);
      await give();
      return { id, username, token: await login(username), give, revoke };
    };
    return { name, service, role, member };
  };
  const logout = (ended) => ask("POST", "/auth/logout", undefined, ended);
  return { ask, login, logout, place };
};
