// The native binary as an operator uses it: it starts without set-up, refuses with clear messages,
// stops in order, and loses no data.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { INTERNAL_KEY, freePort, folder, post, run, serve } from "./server.mjs";

const ROUNDS = 100;
const folders = [];
const fresh = () => {
  const made = folder();
  folders.push(made);
  return made.path;
};
after(() => folders.forEach((made) => made.remove()));

const person = (n) => ({
  provider: "google",
  provider_id: `n-${n}`,
  email: `n${n}@example.com`,
  platform: "web",
});

test("the server starts without set-up and keeps generated secrets in a file that git ignores", async () => {
  const cwd = fresh();
  const server = await serve({ cwd, vars: { INTERNAL_API_KEY: "", JWT_SIGNING_KEYS: "" } });
  assert.equal(await server.stop(), 0);
  const kept = readFileSync(join(cwd, ".dev.vars"), "utf8");
  assert.match(kept, /^INTERNAL_API_KEY='[\w-]{43}'$/m);
  assert.match(kept, /^JWT_SIGNING_KEYS='\{"keys":/m);
  for (const file of [".dev.vars", "hamrah.db"])
    assert.equal(statSync(join(cwd, file)).mode & 0o77, 0, `only the owner may read ${file}`);
  assert.ok(readFileSync(".gitignore", "utf8").includes("/.dev.vars"));
  assert.match(server.output(), /generated INTERNAL_API_KEY/);
  assert.ok(!server.output().includes(/'(.*)'/.exec(kept)[1]), "no secret in the log");
  const again = await serve({ cwd, vars: { INTERNAL_API_KEY: "", JWT_SIGNING_KEYS: "" } });
  await again.stop();
  assert.doesNotMatch(again.output(), /generated/);
  assert.equal(readFileSync(join(cwd, ".dev.vars"), "utf8"), kept);
});

test("production refuses to start with a missing or weak secret and names every problem", async () => {
  const cwd = fresh();
  const { code, output } = await run([], {
    cwd,
    vars: {
      ENVIRONMENT: "production",
      INTERNAL_API_KEY: "hamrah-internal-service-key-2025",
      APP_ATTEST_MODE: "",
    },
  });
  assert.notEqual(code, 0);
  for (const name of [
    "APP_ATTEST_MODE",
    "ALLOWED_ORIGINS",
    "RP_ID",
    "INTERNAL_API_KEY",
    "JWT_SIGNING_KEYS",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
  ]) {
    assert.match(output, new RegExp(name), name);
  }
  assert.ok(!output.includes("hamrah-internal-service-key-2025"));
  assert.ok(
    !existsSync(join(cwd, ".dev.vars")) && !existsSync(join(cwd, "hamrah.db")),
    "no file was created",
  );
});

test("a public port needs ENVIRONMENT", async () => {
  const cwd = fresh();
  const unset = await run([], { cwd, vars: { BIND: "0.0.0.0:0" } });
  assert.notEqual(unset.code, 0);
  assert.match(unset.output, /ENVIRONMENT is not set/);
  const development = await run([], {
    cwd,
    vars: { BIND: "0.0.0.0:0", ENVIRONMENT: "development" },
  });
  assert.match(development.output, /BIND must be a loopback address/);
  assert.match(
    (await run([], { cwd, vars: { BIND: "nonsense" } })).output,
    /BIND must be an address/,
  );
  const forgotten = await run([], { cwd, vars: { COOKIE_DOMAIN: ".hamrah.app" } });
  assert.notEqual(forgotten.code, 0);
  assert.match(forgotten.output, /ENVIRONMENT is not set although COOKIE_DOMAIN is/);
});

test("one cause has one message", async () => {
  const cwd = fresh();
  for (const [vars, message] of [
    [{ BIND: "localhost:8080" }, "BIND must be an address and a port, such as 127.0.0.1:8080"],
    [
      { BIND: "localhost:8080", ENVIRONMENT: "development" },
      "BIND must be an address and a port, such as 127.0.0.1:8080",
    ],
    [
      { ALLOWED_ORIGINS: "https://hamrah.app" },
      "ENVIRONMENT is not set although ALLOWED_ORIGINS is. Choose `development` or `production`",
    ],
    [
      { BIND: "0.0.0.0:0" },
      "ENVIRONMENT is not set although BIND is not a loopback address. " +
        "Choose `development` or `production`",
    ],
    [
      { BIND: "0.0.0.0:0", ENVIRONMENT: "development" },
      "BIND must be a loopback address while ENVIRONMENT is development",
    ],
    [{ ENVIRONMENT: "prod" }, "ENVIRONMENT must be `development` or `production`"],
  ]) {
    const { code, output } = await run(["doctor"], { cwd, vars });
    assert.notEqual(code, 0);
    assert.equal(output.trim(), `configuration  WRONG  ${message}`);
    const serve = await run([], { cwd, vars });
    assert.equal(serve.output.match(/^ +- /gm).length, 1, serve.output);
  }
  assert.ok(!existsSync(join(cwd, ".dev.vars")), "no file was created");
});

test("doctor finds origins that do not fit, and misspelled settings", async () => {
  const cwd = fresh();
  assert.equal((await run(["migrate"], { cwd })).code, 0);
  const keys = await run(["keys", "generate"], { cwd });
  const secrets = Object.fromEntries(
    [...keys.output.matchAll(/^(\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]),
  );
  const production = {
    ...secrets,
    ENVIRONMENT: "production",
    ALLOWED_ORIGINS: "https://hamrah.app,https://api.hamrah.app",
    RP_ID: "hamrah.app",
    JWT_ISSUER: "https://api.hamrah.app",
    JWT_AUDIENCE: "hamrah",
  };
  const doctor = (vars) => run(["doctor"], { cwd, vars: { ...production, ...vars } });
  const fine = await doctor({});
  assert.equal(fine.code, 0, fine.output);
  for (const [vars, finding] of [
    [
      {
        ALLOWED_ORIGINS: "https://other.org,https://api.other.org",
        JWT_ISSUER: "https://api.other.org",
      },
      /WRONG +RP_ID is hamrah\.app, but no origin/,
    ],
    [
      { ALLOWED_ORIGINS: "https://hamrah.app" },
      /WRONG +ALLOWED_ORIGINS lacks https:\/\/api\.hamrah\.app/,
    ],
    [{ RATE_LIMIT: "3" }, /WRONG +RATE_LIMIT is not a setting\. Did you mean RATE_LIMITS\?/],
  ]) {
    const { code, output } = await doctor(vars);
    assert.notEqual(code, 0, output);
    assert.match(output, finding);
    assert.equal(output.match(/WRONG/g).length, 1, output);
  }
  // A setting in the file of development counts too.
  writeFileSync(join(cwd, ".dev.vars"), "COOKIE_DOMIAN=x\n");
  const { output } = await run(["doctor"], { cwd });
  assert.match(output, /COOKIE_DOMIAN is not a setting\. Did you mean COOKIE_DOMAIN\?/);
});

test("doctor reports problems and changes nothing", async () => {
  const cwd = fresh();
  const nothing = await run(["doctor"], { cwd });
  assert.notEqual(nothing.code, 0);
  assert.match(nothing.output, /database +WRONG .*no such file/);
  assert.ok(!existsSync(join(cwd, ".dev.vars")) && !existsSync(join(cwd, "hamrah.db")));
  assert.equal((await run(["migrate"], { cwd })).code, 0);
  assert.equal((await run(["migrate"], { cwd })).code, 0, "a second migration changes nothing");
  const fine = await run(["doctor"], { cwd });
  assert.equal(fine.code, 0, fine.output);
  const wrong = await run(["doctor"], {
    cwd,
    vars: { ENVIRONMENT: "production", SESSION_TTL_SECONDS: "1" },
  });
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.output, /SESSION_TTL_SECONDS must be/);
});

test("production accepts generated keys", async () => {
  const cwd = fresh();
  const { code, output } = await run(["keys", "generate"], { cwd });
  assert.equal(code, 0);
  const vars = Object.fromEntries(
    [...output.matchAll(/^(\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]),
  );
  const rest = {
    ALLOWED_ORIGINS: "https://hamrah.app",
    RP_ID: "hamrah.app",
    JWT_ISSUER: "https://api.hamrah.app",
    JWT_AUDIENCE: "hamrah",
  };
  const server = await serve({ cwd, vars: { ENVIRONMENT: "production", ...rest, ...vars } });
  assert.equal(await server.stop(), 0);
});

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
  assert.match((await run(["import", "all.json"], { cwd: other, vars })).output, /66 changes made/);
  assert.match((await run(["import", "all.json"], { cwd: other, vars })).output, /^0 changes made/);
  assert.equal(
    (await run(["export", "--with-passwords"], { cwd: other, vars })).output,
    whole.output,
  );
  // A person may have no name, and an import takes every document that an export wrote.
  const nameless = JSON.parse(whole.output);
  nameless.people[2].name = "";
  const third = fresh();
  writeFileSync(join(third, "nameless.json"), JSON.stringify(nameless));
  for (const changes of [/66 changes made/, /^0 changes made/])
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

test("SIGTERM lets requests finish that were sent before it arrived", async () => {
  const server = await serve({ cwd: fresh() });
  // The process is stopped, so that all connections wait to be accepted when the signal arrives.
  server.child.kill("SIGSTOP");
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const body = JSON.stringify(person(n));
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      await once(socket, "connect");
      await new Promise((sent) =>
        socket.write(
          "POST /api/internal/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
            `X-Internal-Service: hamrah-app\r\nX-Internal-Key: ${INTERNAL_KEY}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          sent,
        ),
      );
      // In an array, so that this function does not wait for the answer.
      return [text(socket)];
    }),
  );
  const code = server.stop("SIGTERM");
  server.child.kill("SIGCONT");
  for (const [answer] of answers) assert.match(await answer, /^HTTP\/1\.1 200 /);
  assert.equal(await code, 0);
  assert.match(server.output(), /stopped/);
});

test("kill -9 under load loses nothing that was acknowledged", async (t) => {
  const cwd = fresh();
  const acknowledged = [];
  let slowest = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = performance.now();
    const server = await serve({ cwd });
    slowest = Math.max(slowest, performance.now() - started);
    const load = Array.from({ length: 30 }, async (_, n) => {
      const answer = await post(server.url, "/api/internal/tokens", person(`${round}-${n}`)).catch(
        () => undefined,
      );
      const body = await answer?.json().catch(() => undefined);
      if (body?.success) acknowledged.push(body.refresh_token);
    });
    await Promise.any(load);
    await server.stop("SIGKILL");
    await Promise.allSettled(load);
  }
  const server = await serve({ cwd });
  assert.ok(acknowledged.length >= ROUNDS, String(acknowledged.length));
  t.diagnostic(
    `${acknowledged.length} acknowledged over ${ROUNDS} kills; ready again after at most ${slowest.toFixed(0)} ms`,
  );
  // Each start generates new keys. Older refresh tokens must stay valid.
  for (const refresh_token of acknowledged) {
    assert.equal(
      (await post(server.url, "/api/auth/tokens/refresh", { refresh_token })).status,
      200,
    );
  }
  await server.stop();
});

test("a database that cannot be opened is reported, and no file is created", async () => {
  const cwd = fresh();
  const { code, output } = await run(["serve"], {
    cwd,
    vars: {
      DATABASE_URL: `sqlite:${cwd}/missing/folder.db`,
      BIND: `127.0.0.1:${await freePort()}`,
    },
  });
  assert.notEqual(code, 0);
  assert.match(output, /unable to open database file/);
});
