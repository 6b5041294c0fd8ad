// The native binary as an operator uses it: it starts without set-up, refuses with clear messages,
// stops in order, and loses no data.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { BINARY, INTERNAL_KEY, clean, freePort, folder, post, run, serve } from "./server.mjs";

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

const OTHER_MACHINES =
  "LOCAL_HTTPS_SETUP.md says how phones and other machines reach a server in development";

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
        `Set it to \`production\`. ${OTHER_MACHINES}`,
    ],
    [
      { BIND: "0.0.0.0:0", ENVIRONMENT: "development" },
      `BIND must be a loopback address while ENVIRONMENT is development. ${OTHER_MACHINES}`,
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
  const { output } = await run(["doctor"], { cwd, vars: { WEBHOOK_URL: "http://x" } });
  assert.equal(
    output.trim(),
    "configuration  WRONG  WEBHOOK_URL must be an https URL, in development also http on this " +
      "machine, and needs WEBHOOK_SECRETS: `hamrah-api keys webhook` makes one",
  );
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
      { ALLOWED_ORIGINS: "https://other.org" },
      /WRONG +ALLOWED_ORIGINS has no origin at or below RP_ID \(hamrah\.app\), and lacks/,
    ],
    [
      { ALLOWED_ORIGINS: "https://hamrah.app" },
      /WRONG +ALLOWED_ORIGINS lacks https:\/\/api\.hamrah\.app/,
    ],
    [
      { COOKIE_DOMAIN: "www.hamrah.app" },
      /WRONG +COOKIE_DOMAIN is www\.hamrah\.app, which does not cover api\.hamrah\.app/,
    ],
    [
      { ALLOWED_ORIGINS: "htps://hamrah.app,https://api.hamrah.app" },
      /WRONG +ALLOWED_ORIGINS has htps:\/\/hamrah\.app, .*did you mean https:\/\/hamrah\.app\?/,
    ],
    [{ RATE_LIMIT: "3" }, /WRONG +RATE_LIMIT is not a setting\. Did you mean RATE_LIMITS\?/],
  ]) {
    const { code, output } = await doctor(vars);
    assert.notEqual(code, 0, output);
    assert.match(output, finding);
    assert.equal(output.match(/WRONG/g).length, 1, output);
  }
  const outside = await doctor({ ALLOWED_ORIGINS: "https://api.hamrah.app,https://other.org" });
  assert.equal(outside.code, 0, outside.output);
  assert.match(outside.output, /note +https:\/\/other\.org is not at or below RP_ID/);
  const misspelled = await run(["doctor"], {
    cwd,
    vars: { ...production, ALLOWED_ORIGINS: undefined, ALOWED_ORIGINS: "https://hamrah.app" },
  });
  assert.notEqual(misspelled.code, 0);
  assert.match(misspelled.output, /Did you mean ALLOWED_ORIGINS\?/);
  const server = await serve({
    cwd,
    vars: { ...production, ALLOWED_ORIGINS: "https://other.org" },
  });
  await server.stop();
  assert.match(server.output(), /WARN ALLOWED_ORIGINS has no origin at or below RP_ID/);
  // In development every page of localhost may use passkeys.
  const development = await run(["doctor"], {
    cwd,
    vars: { ENVIRONMENT: "development", ALLOWED_ORIGINS: "http://app.test:4321" },
  });
  assert.equal(development.code, 0, development.output);
  // A setting in the file of development counts too.
  writeFileSync(join(cwd, ".dev.vars"), "COOKIE_DOMIAN=x\n");
  const { output } = await run(["doctor"], { cwd });
  assert.match(output, /COOKIE_DOMIAN is not a setting\. Did you mean COOKIE_DOMAIN\?/);
});

test("doctor reports problems and changes nothing", async () => {
  const cwd = fresh();
  const nothing = await run(["doctor"], { cwd });
  assert.equal(nothing.code, 0, nothing.output);
  assert.match(nothing.output, /database +note .*does not exist yet/);
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

test("a command ends quietly when the reader of its output closes the pipe", async () => {
  const cwd = fresh();
  const vars = { PASSWORD_HASH_MEMORY_KIB: "64", PASSWORD_HASH_PASSES: "1" };
  assert.equal((await run(["seed", "demo"], { cwd, vars })).code, 0);
  for (const args of [["doctor"], ["export"], ["openapi"], ["keys", "generate"]]) {
    // The reader is gone before the command prints its first line.
    const command = `(sleep 0.1; exec "$0" "$@"; ) | true; exit "\${PIPESTATUS[0]}"`;
    const child = spawnSync("bash", ["-c", command, BINARY, ...args], { cwd, env: clean(vars) });
    assert.equal(child.stderr.toString(), "", args.join(" "));
    assert.equal(child.status, 141, args.join(" "));
  }
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

test("SIGTERM lets requests finish that were sent before it arrived", async () => {
  // One thread answers, so some connections are read long after they were accepted.
  const server = await serve({ cwd: fresh(), vars: { TOKIO_WORKER_THREADS: "1" } });
  // The process is stopped, so that all connections wait to be accepted when the signal arrives.
  server.child.kill("SIGSTOP");
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, n) => {
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
  assert.match(output, /DATABASE_URL names a file in .*, which is not a folder/);
});
