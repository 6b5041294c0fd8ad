// The requests that the client sends.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import {
  HamrahApi,
  ID,
  KEY,
  PERSON,
  USER,
  account,
  bearer,
  cookie,
  failure,
  fake,
  json,
  problem,
} from "./support.mjs";

const here = (path) => new URL(path, import.meta.url);

// [name, arguments, method, path, body sent, answer, result]
const INTERNAL = [
  [
    "createUser",
    [PERSON],
    "POST",
    "/api/internal/users",
    PERSON,
    { success: true, user: USER },
    USER,
  ],
  [
    "findUserByEmail",
    ["a@b.example"],
    "POST",
    "/api/internal/users/by-email",
    { email: "a@b.example" },
    { user_exists: true, user: USER },
    USER,
  ],
  [
    "findUserByEmail",
    ["a@b.example"],
    "POST",
    "/api/internal/users/by-email",
    { email: "a@b.example" },
    { user_exists: false, user: null },
    null,
  ],
  [
    "createSession",
    [account],
    "POST",
    "/api/internal/sessions",
    account,
    { session_token: "t" },
    { session_token: "t" },
  ],
  [
    "validateSession",
    ["t"],
    "POST",
    "/api/internal/sessions/validate",
    { session_token: "t" },
    { renewed: true },
    { renewed: true },
  ],
  [
    "createTokens",
    [account],
    "POST",
    "/api/internal/tokens",
    account,
    { refresh_token: "r" },
    { refresh_token: "r" },
  ],
];
const FORWARDED = [
  [
    "validateVisitorSession",
    [],
    "GET",
    "/api/auth/sessions/validate",
    undefined,
    { user: USER },
    { user: USER },
  ],
  [
    "validateVisitor",
    [],
    "GET",
    "/api/auth/tokens/validate",
    undefined,
    { user: USER },
    { user: USER },
  ],
  ["logout", [], "POST", "/api/auth/sessions/logout", undefined, { success: true }, undefined],
  ["me", [], "GET", "/api/users/me", undefined, USER, USER],
  ["updateMe", [{ name: null }], "PUT", "/api/users/me", { name: null }, USER, USER],
  ["deleteMe", [], "DELETE", "/api/users/me", undefined, { success: true }, undefined],
  [
    "listTokens",
    [],
    "GET",
    "/api/users/me/tokens",
    undefined,
    { tokens: [{ id: "x" }] },
    [{ id: "x" }],
  ],
  [
    "revokeToken",
    [ID],
    "DELETE",
    `/api/auth/tokens/${ID}/revoke`,
    undefined,
    { success: true },
    undefined,
  ],
  [
    "revokeAllTokens",
    [ID],
    "DELETE",
    `/api/auth/users/${ID}/tokens/revoke`,
    undefined,
    { revoked: 3 },
    3,
  ],
];
const REFRESH = [
  "refresh",
  ["hmr_r"],
  "POST",
  "/api/auth/tokens/refresh",
  { refresh_token: "hmr_r" },
  { refresh_token: "s" },
  { refresh_token: "s" },
];

/** Calls a method, checks the request and the result, and returns the request's headers. */
const called = async ([name, args, method, path, body, answer, result], before = []) => {
  const { sent, client } = fake([json(answer)]);
  assert.deepEqual(await client[name](...before, ...args), result, name);
  assert.equal(sent.length, 1);
  assert.deepEqual([sent[0].method, sent[0].path], [method, path]);
  assert.equal(sent[0].body, body === undefined ? "" : JSON.stringify(body));
  assert.equal(sent[0].headers.get("content-type"), body === undefined ? null : "application/json");
  assert.equal(sent[0].request.redirect, "manual");
  return sent[0].headers;
};

test("internal calls carry the service's name and key, and no credential", async () => {
  for (const row of INTERNAL) {
    const headers = await called(row);
    assert.equal(headers.get("x-internal-service"), "hamrah-app");
    assert.equal(headers.get("x-internal-key"), KEY);
    assert.equal(headers.get("user-agent"), "hamrah-app-internal/1.0");
    for (const name of ["authorization", "cookie", "origin"]) assert.equal(headers.get(name), null);
  }
});

test("public calls carry the visitor's unchanged credential, and never the key", async () => {
  for (const row of FORWARDED) {
    const byCookie = await called(row, [cookie]);
    assert.deepEqual(
      [byCookie.get("cookie"), byCookie.get("authorization")],
      [cookie.cookie, null],
    );
    const byBearer = await called(row, [bearer]);
    assert.deepEqual(
      [byBearer.get("cookie"), byBearer.get("authorization")],
      [null, "Bearer hms_secret"],
    );
    const byNothing = await called(row, [{ cookie: null }]);
    assert.deepEqual([byNothing.get("cookie"), byNothing.get("authorization")], [null, null]);
    for (const headers of [byCookie, byBearer, byNothing]) {
      for (const name of ["x-internal-key", "x-internal-service", "origin"])
        assert.equal(headers.get(name), null);
    }
  }
  const headers = await called(REFRESH);
  for (const name of ["x-internal-key", "authorization", "cookie"])
    assert.equal(headers.get(name), null);
});

test("the description of the API has every call", () => {
  const { paths } = JSON.parse(readFileSync(here("../../../openapi.json"), "utf8"));
  const rows = [...INTERNAL, ...FORWARDED, REFRESH];
  for (const [name, , method, path, body] of rows) {
    const described = Object.keys(paths).find((template) =>
      new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`).test(path),
    );
    const operation = paths[described]?.[method.toLowerCase()];
    assert.ok(operation, `${name}: ${method} ${path}`);
    assert.equal(
      operation.requestBody !== undefined,
      body !== undefined,
      `${name}: whether there is a body`,
    );
  }
  const methods = Object.getOwnPropertyNames(HamrahApi.prototype).filter(
    (name) => name !== "constructor",
  );
  assert.deepEqual(
    new Set(rows.map(([name]) => name)),
    new Set(methods),
    "every method is in the tables above",
  );
});

test("a URL is called through the global fetch, and must be an origin", async (t) => {
  const requests = [];
  mock.method(globalThis, "fetch", async (request) => {
    requests.push(request.url);
    return json(USER);
  });
  t.after(() => mock.restoreAll());
  for (const api of ["https://api.hamrah.app", "https://api.hamrah.app/"])
    await new HamrahApi({ api }).me(bearer);
  assert.deepEqual(requests, Array(2).fill("https://api.hamrah.app/api/users/me"));
  for (const api of [
    "",
    "api.hamrah.app",
    "/api",
    "ftp://h",
    "https://h/v1",
    "https://h?a=b",
    "https://u:hunter2@h",
  ]) {
    assert.throws(
      () => new HamrahApi({ api }),
      (error) => error instanceof TypeError && !error.message.includes("hunter2"),
      api,
    );
  }
});

test("without a key, no key is sent", async () => {
  const { sent, client } = fake([problem(401, "internal_key_required")], {
    internalKey: undefined,
  });
  assert.equal((await failure(client.createUser(PERSON))).code, "internal_key_required");
  assert.equal(sent[0].headers.has("x-internal-key"), false);
});
