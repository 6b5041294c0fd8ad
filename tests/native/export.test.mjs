// `hamrah-api admin`, `seed`, `export` and `import`: a policy moves to another database.

import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { folder, post, run, serve } from "./server.mjs";

const folders = [];
const fresh = () => {
  const made = folder();
  folders.push(made);
  return made.path;
};
after(() => folders.forEach((made) => made.remove()));

/**
 * Checks that neither `admin create --existing` nor `import` makes a person an administrator whose
 * password a person set who is none.
 */
async function aPlantedPasswordIsNotPromoted({ cwd, vars, url, login, password }) {
  const call = async (token, method, path, body) => {
    const headers = { token, "content-type": "application/json" };
    const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.text());
  };
  const { token: root } = await (await login("root", password)).json();
  const permission_name = "auth.people.write";
  const grant = { person_id: "viewer3", service_id: "auth", permission_name };
  await call(root, "POST", "/person-service-permissions", grant);
  const { token: writer } = await (await login("viewer3", "viewer3-hash")).json();
  await call(writer, "PUT", "/users/5", { password: "planted zebra 78" });
  const promoted = await run(["admin", "create", "editor1", "--existing"], { cwd, vars });
  assert.notEqual(promoted.code, 0);
  assert.match(promoted.output, /another person set the password/i);
  const document = JSON.parse((await run(["export"], { cwd, vars })).output);
  document.grants.push({ person: "editor1", service: "auth", role: "auth.administrator" });
  writeFileSync(join(cwd, "grants.json"), JSON.stringify(document));
  const imported = await run(["import", "grants.json"], { cwd, vars });
  assert.notEqual(imported.code, 0);
  assert.match(imported.output, /whose password another person set/);
  // A permission that an import adds ends the tokens of the person, as every other way does.
  const { token: viewer } = await (await login("viewer2", "viewer2-hash")).json();
  const profile = async () =>
    (await fetch(`${url}/auth/profile`, { headers: { token: viewer } })).status;
  assert.equal(await profile(), 200);
  document.grants.at(-1).person = "viewer2";
  writeFileSync(join(cwd, "grants.json"), JSON.stringify(document));
  assert.match((await run(["import", "grants.json"], { cwd, vars })).output, /1 change made/);
  assert.equal(await profile(), 401);
}

/** A person with every grant that the other services may give is promoted, and a further grant is refused. */
async function aFullPersonIsPromoted({ cwd, vars }) {
  const numbers = (count) => Array.from({ length: count }, (_, index) => index + 1);
  const roles = numbers(50).map((number) => `Role ${number}`);
  const services = numbers(11).map((number) => `Full ${number}`);
  const document = {
    people: [{ username: "full", name: "Full" }],
    roles: roles.map((name) => ({ name, permissions: [] })),
    services: services.map((name) => ({ name, roles })),
    grants: services
      .slice(0, 10)
      .flatMap((service) => roles.map((role) => ({ person: "full", service, role }))),
  };
  const imported = async () => {
    writeFileSync(join(cwd, "full.json"), JSON.stringify(document));
    return await run(["import", "full.json"], { cwd, vars });
  };
  const filled = await imported();
  assert.equal(filled.code, 0, filled.output);
  const promoted = await run(["admin", "create", "full", "--existing"], { cwd, vars });
  assert.match(promoted.output, /full is an administrator now/);
  document.grants.push({ person: "full", service: "Full 11", role: "Role 1" });
  const refused = await imported();
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /would exceed a limit of services, roles, permissions or grants/);
}

/** A move to another database must not turn a password that another person set into an own one. */
async function aMoveKeepsTheSetterOfAPassword({ cwd, vars }) {
  const bare = JSON.parse((await run(["export"], { cwd, vars })).output);
  assert.ok(bare.people.every((person) => !("credentials_by" in person)));
  const whole = JSON.parse((await run(["export", "--with-passwords"], { cwd, vars })).output);
  const noted = whole.people.filter((person) => person.credentials_by);
  assert.deepEqual(
    noted.map(({ username, credentials_by }) => [username, credentials_by]),
    [["editor1", { person: "viewer3" }]],
  );
  const of = (username) => whole.people.find((person) => person.username === username);
  of("editor2").credentials_by = "unproved";
  of("viewer1").credentials_by = "owner";
  // The setter may come after the person in the document.
  of("adm2").credentials_by = { person: "viewer3" };
  const next = fresh();
  writeFileSync(join(next, "whole.json"), JSON.stringify(whole));
  const imported = await run(["import", "whole.json"], { cwd: next, vars });
  assert.equal(imported.code, 0, imported.output);
  const again = await run(["export", "--with-passwords"], { cwd: next, vars });
  assert.deepEqual(JSON.parse(again.output), whole);
  const promotions = { editor1: 1, editor2: 1, viewer1: 0, viewer2: 0 };
  for (const [username, code] of Object.entries(promotions)) {
    const promoted = await run(["admin", "create", username, "--existing"], { cwd: next, vars });
    assert.equal(promoted.code, code, `${username}: ${promoted.output}`);
  }
  // A setter who does not exist in the new database counts as unknown.
  of("adm2").credentials_by = { person: "no-such-person" };
  const third = fresh();
  writeFileSync(join(third, "whole.json"), JSON.stringify(whole));
  assert.equal((await run(["import", "whole.json"], { cwd: third, vars })).code, 0);
  of("adm2").credentials_by = "unproved";
  const last = await run(["export", "--with-passwords"], { cwd: third, vars });
  assert.deepEqual(JSON.parse(last.output), whole);
}

test("administrators and demo data are created, and everything is exported and imported", async () => {
  const cwd = fresh();
  const vars = { PASSWORD_HASH_MEMORY_KIB: "64", PASSWORD_HASH_PASSES: "1" };
  const seeded = await run(["seed", "demo"], { cwd, vars });
  assert.equal(seeded.code, 0, seeded.output);
  const again = await run(["seed", "demo"], { cwd, vars });
  assert.match(again.output, /Use an empty database/);
  assert.notEqual(again.code, 0);
  const server = await serve({ cwd, vars });
  const login = (username, password) => post(server.url, "/auth/login", { username, password });
  const { token, payload } = await (await login("adm1", "adm1-hash")).json();
  assert.deepEqual(payload, { user_id: 1, username: "adm1", name: "Admin One" });
  const get = async (path) => (await fetch(server.url + path, { headers: { token } })).json();
  const services = await get("/services");
  assert.deepEqual(
    services.map(({ id, name }) => `${id} ${name}`),
    ["1 Service A", "2 Service B", "3 Service C", "4 UI Store", "5 ui-store", "1000000001 auth"],
  );
  const { roles, permissions } = await get("/people/editor1/services/3");
  assert.deepEqual({ roles, permissions }, { roles: ["Editor"], permissions: ["read", "update"] });
  assert.deepEqual(
    (await get("/people/5/services")).map(({ id }) => id),
    [1, 3],
  );
  assert.equal((await login("viewer3", "viewer3-hash")).status, 200);
  const exported = await run(["export"], { cwd, vars });
  const document = JSON.parse(exported.output);
  assert.equal(document.people.length, 15);
  assert.ok(
    !exported.output.includes("$2b$") && !exported.output.includes("argon2"),
    "no hashes without --with-passwords",
  );
  const whole = await run(["export", "--with-passwords"], { cwd, vars });
  // The password that signed in was hashed again. All others keep the hash that another service
  // made.
  assert.match(JSON.parse(whole.output).people[0].password_hash, /^\$argon2id\$/);
  assert.match(JSON.parse(whole.output).people[1].password_hash, /^\$2b\$/);
  const other = fresh();
  writeFileSync(join(other, "all.json"), whole.output);
  const dry = await run(["import", "all.json", "--dry-run"], { cwd: other, vars });
  assert.match(
    dry.output,
    /person adm1: grant role Admin in Service A\n[^]*66 changes would be made/,
  );
  assert.match(
    (await run(["import", "all.json", "--dry-run"], { cwd: other, vars })).output,
    /66 changes would/,
    "a dry run changes nothing",
  );
  assert.match(dry.output, /^database: sqlite:hamrah\.db \(would be new\)$/m);
  assert.deepEqual(readdirSync(other), ["all.json"], "a dry run makes no database");
  const first = await run(["import", "all.json"], { cwd: other, vars });
  assert.match(first.output, /^database: sqlite:hamrah\.db \(new\)$[^]*66 changes made/m);
  assert.match(
    (await run(["import", "all.json"], { cwd: other, vars })).output,
    /^0 changes made/m,
  );
  assert.equal(
    (await run(["export", "--with-passwords"], { cwd: other, vars })).output,
    whole.output,
  );
  // A person may have no name, and an import takes every document that an export wrote.
  const nameless = JSON.parse(whole.output);
  nameless.people[2].name = "";
  const third = fresh();
  writeFileSync(join(third, "nameless.json"), JSON.stringify(nameless));
  for (const changes of [/66 changes made/, /^0 changes made/m])
    assert.match((await run(["import", "nameless.json"], { cwd: third, vars })).output, changes);
  const third_export = await run(["export", "--with-passwords"], { cwd: third, vars });
  assert.deepEqual(JSON.parse(third_export.output), nameless);
  const wrong = {
    ...document,
    grants: [{ person: "nobody", service: "Service A", role: "Admin" }],
    roles: [{ name: "x", permissions: ["fly"] }],
  };
  writeFileSync(join(other, "wrong.json"), JSON.stringify(wrong));
  const refused = await run(["import", "wrong.json"], { cwd: other, vars });
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /the permission fly does not exist[^]*the person does not exist/);
  const made = await run(["admin", "create", "root", "--name", "Root"], { cwd, vars });
  const password = /^password: (\S+)$/m.exec(made.output)[1];
  assert.equal((await login("root", password)).status, 200);
  const taken = await run(["admin", "create", "usr1"], { cwd, vars });
  assert.notEqual(taken.code, 0, "an existing account of that name is not promoted");
  assert.match(taken.output, /usr1 exists already: use --existing/);
  assert.match(
    (await run(["admin", "create", "usr1", "--existing"], { cwd, vars })).output,
    /usr1 is an administrator now; the password did not change/,
  );
  assert.equal((await run(["admin", "create", "nobody", "--existing"], { cwd, vars })).code, 1);
  await aPlantedPasswordIsNotPromoted({ cwd, vars, url: server.url, login, password });
  await aMoveKeepsTheSetterOfAPassword({ cwd, vars });
  await aFullPersonIsPromoted({ cwd, vars });
  const reset = await run(["admin", "password", "root"], { cwd, vars });
  const other_password = /^password: (\S+)$/m.exec(reset.output)[1];
  assert.deepEqual(
    [(await login("root", password)).status, (await login("root", other_password)).status],
    [401, 200],
  );
  await server.stop();
  const production = await run(["seed", "demo"], { cwd, vars: { ENVIRONMENT: "production" } });
  assert.notEqual(production.code, 0);
});

test("export names the accounts that it leaves out, and makes no database", async () => {
  const cwd = fresh();
  const missing = await run(["export"], { cwd });
  assert.notEqual(missing.code, 0);
  assert.match(missing.output, /sqlite:hamrah\.db does not exist, so there is nothing to export/);
  assert.deepEqual(readdirSync(cwd), []);
  const server = await serve({ cwd });
  const person = { provider: "google", provider_id: "1", email: "a@example.com", platform: "web" };
  assert.equal((await post(server.url, "/api/internal/tokens", person)).status, 200);
  const { code, output } = await run(["export"], { cwd });
  await server.stop();
  assert.equal(code, 0, output);
  assert.match(output, /hamrah-api: 1 account is left out, .* docs\/OPERATIONS\.md/);
});
