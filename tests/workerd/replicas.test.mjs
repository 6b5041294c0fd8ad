// Read replicas (`D1_REPLICAS=on`): which requests a replica answers and which the primary. Every
// client must see its own changes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Response } from "miniflare";
import { SQL_WORKER, migrations, startApi } from "./miniflare.mjs";

const TABLES = ["users", "identities", "sessions"];
const asked = [];
let api, replica;

const sql = async (address, text, params = []) => {
  const answer = await fetch(address, { method: "POST", body: JSON.stringify([{ text, params }]) });
  assert.ok(answer.ok, await answer.clone().text());
  return (await answer.json())[0];
};

/** Copies the primary's rows to the replica. */
const catchUp = async () => {
  for (const table of [...TABLES].reverse()) await sql(replica, `DELETE FROM ${table}`);
  for (const table of TABLES) {
    for (const row of await api.sql(`SELECT * FROM ${table}`)) {
      const names = Object.keys(row);
      await sql(
        replica,
        `INSERT INTO ${table} (${names}) VALUES (${names.map(() => "?")})`,
        Object.values(row),
      );
    }
  }
};

before(async () => {
  const told = async (request) => {
    asked.push(await request.text());
    return new Response();
  };
  const databases = { REAL: "hamrah-test", REPLICA: "replica" };
  const standIn = {
    name: "d1-replicas",
    modules: true,
    script: readFileSync(new URL("d1-replicas.mjs", import.meta.url), "utf8"),
    d1Databases: databases,
    serviceBindings: { TELL: told },
  };
  const sqlWorker = {
    name: "sql-replica",
    modules: true,
    script: SQL_WORKER,
    d1Databases: { REAL: "replica" },
  };
  api = await startApi({
    vars: { D1_REPLICAS: "on" },
    workers: [standIn, sqlWorker],
    wrapped: { DB: { scriptName: "d1-replicas" } },
  });
  replica = await api.direct("sql-replica");
  for (const text of migrations()) await sql(replica, text);
});
after(() => api?.stop());

const internal = (path, body) =>
  fetch(`${api.url}/api/internal/${path}`, {
    method: "POST",
    headers: {
      "X-Internal-Service": "hamrah-app",
      "X-Internal-Key": api.settings.INTERNAL_API_KEY,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(body),
  });
const ada = {
  email: "ada@example.com",
  email_verified: true,
  name: "Ada",
  auth_method: "google",
  provider: "google",
  provider_id: "ada",
};
const me = (token, headers = {}) =>
  fetch(`${api.url}/api/users/me`, { headers: { Authorization: `Bearer ${token}`, ...headers } });
const rename = (token, name) =>
  fetch(`${api.url}/api/users/me`, {
    method: "PUT",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });
const signOut = (token) =>
  fetch(`${api.url}/api/auth/sessions/logout`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
  });
const cookieOf = (answer) =>
  /hamrah-bookmark=([^;]*)/.exec(answer.headers.get("set-cookie") ?? "")?.[1];

const signIn = async () => {
  const made = await internal("users", { ...ada, platform: "web" });
  assert.equal(made.status, 200, await made.clone().text());
  const { user } = await made.json();
  const answer = await internal("sessions", { user_id: user.id, platform: "web" });
  assert.equal(answer.status, 200, await answer.clone().text());
  return { answer, token: (await answer.json()).session_token ?? assert.fail("a session token") };
};

test("a new session is valid before a replica has it", async () => {
  const { answer, token } = await signIn();
  assert.ok(answer.headers.get("x-d1-bookmark"), "a service gets a bookmark in a header");
  assert.equal(cookieOf(answer), undefined, "and no cookie");
  asked.length = 0;
  assert.equal((await me(token)).status, 200);
  assert.deepEqual(
    asked,
    ["first-unconstrained", "no session"],
    "a credential that the replica refuses is checked at the primary",
  );
});

test("a replica answers reads, the primary makes changes, and a bookmark reads its client's own change", async () => {
  const { token } = await signIn();
  await catchUp();
  asked.length = 0;
  assert.equal((await me(token)).status, 200);
  assert.deepEqual(asked, ["first-unconstrained"]);

  asked.length = 0;
  const changed = await rename(token, "Countess Lovelace");
  assert.equal(changed.status, 200, await changed.clone().text());
  assert.ok(asked.length > 0 && asked.every((from) => from === "first-primary"), String(asked));
  const bookmark = cookieOf(changed);
  assert.equal(bookmark, changed.headers.get("x-d1-bookmark"));
  assert.match(changed.headers.get("set-cookie"), /Max-Age=60; HttpOnly.*SameSite=Lax/);

  const name = async (headers) => (await (await me(token, headers)).json()).name;
  assert.equal(await name({}), "Ada", "the replica's row");
  assert.equal(await name({ Cookie: `hamrah-bookmark=${bookmark}` }), "Countess Lovelace");
  assert.equal(await name({ "X-D1-Bookmark": bookmark }), "Countess Lovelace");
  // With an invalid bookmark, or with several, the primary answers.
  assert.equal(await name({ "X-D1-Bookmark": "first-unconstrained" }), "Countess Lovelace");
  assert.equal(
    await name({ Cookie: `hamrah-bookmark=${bookmark}; hamrah-bookmark=${bookmark}` }),
    "Countess Lovelace",
  );
  // A forged bookmark that D1 refuses must not fail the request.
  assert.equal(await name({ Cookie: "hamrah-bookmark=ffffffff-ffffffff" }), "Countess Lovelace");
});

test("until a replica has a sign-out, the token still reads its owner's data, and can do nothing else", async () => {
  const { token } = await signIn();
  await catchUp();
  const signedOut = await signOut(token);
  const bookmark = cookieOf(signedOut);
  assert.equal((await me(token)).status, 200);
  assert.equal(
    (await me(token, { Cookie: `hamrah-bookmark=${bookmark}` })).status,
    401,
    "refused for the client that signed out",
  );
  assert.equal((await rename(token, "Mallory")).status, 401, "refused for changes");
  // It is refused for validation, for CSRF tokens and for the export.
  const get = (path) =>
    fetch(`${api.url}${path}`, { headers: { Authorization: `Bearer ${token}` } });
  for (const path of [
    "/api/auth/sessions/validate",
    "/api/auth/tokens/validate",
    "/api/auth/csrf",
    "/api/users/me/export",
  ])
    assert.equal((await get(path)).status, 401, path);
  assert.equal((await internal("sessions/validate", { session_token: token })).status, 401);
  await catchUp();
  assert.equal((await me(token)).status, 401);
});

test("bookmarks of the local D1 itself are returned and accepted", async () => {
  const local = await startApi({ vars: { D1_REPLICAS: "on" } });
  const mine = api;
  try {
    api = local;
    const { token } = await signIn();
    const changed = await rename(token, "Countess Lovelace");
    const bookmark = changed.headers.get("x-d1-bookmark");
    assert.match(bookmark, /^[0-9a-f-]{8,128}$/);
    const read = await me(token, { "X-D1-Bookmark": bookmark });
    assert.equal((await read.json()).name, "Countess Lovelace");
    assert.equal(read.headers.get("x-d1-bookmark"), null, "a read gives no new bookmark");
  } finally {
    api = mine;
    await local.stop();
  }
});

test("without the setting there are no sessions and no bookmarks", async () => {
  const { token } = await signIn();
  await api.reload({ D1_REPLICAS: "off" });
  replica = await api.direct("sql-replica");
  asked.length = 0;
  const changed = await rename(token, "Ada King");
  assert.equal(changed.status, 200);
  assert.equal(changed.headers.get("x-d1-bookmark"), null);
  assert.equal(cookieOf(changed), undefined);
  assert.equal((await me(token)).status, 200);
  assert.deepEqual([...new Set(asked)], ["no session"]);
});
