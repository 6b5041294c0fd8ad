// The Rust client's example, which sends with hyper, and the native server. `cargo test` in
// clients/rust builds the example.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { administrator, startProxy } from "./backends.mjs";
import { folder, serve } from "./server.mjs";

const EXAMPLE = resolve("target/clients/debug/examples/check");

const made = folder();
const stops = [];
let server;
let admin;
before(async () => {
  const secret = randomBytes(32).toString("base64url");
  const vars = {
    BOOTSTRAP_SECRET: secret,
    PASSWORD_HASH_MEMORY_KIB: "256",
    PASSWORD_HASH_PASSES: "1",
  };
  server = await serve({ cwd: made.path, vars });
  admin = await administrator(server.url, secret);
});
after(async () => {
  for (const stop of stops) await stop();
  await server?.stop();
  made.remove();
});

/**
 * Creates a service and a person who may read and write there, and starts the example as its
 * backend.
 */
const stage = async () => {
  const place = await admin.place();
  const to = await startProxy(server.url);
  const child = spawn(EXAMPLE, [to.url, place.name], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  stops.push(async () => {
    child.stdin.end();
    await exited;
    to.release();
    await to.stop();
  });
  /**
   * Writes a line to the example. Returns the line that answers it, and how many times the example
   * asked the service.
   */
  const tell = async (line) => {
    const asked = to.checks.length;
    child.stdin.write(`${line}\n`);
    const { value } = await lines.next();
    return `${value}, ${to.checks.length - asked}`;
  };
  return { place, to, tell, user: await place.member() };
};

/** Writes lines in order and checks each answer. */
const goes = async (tell, rows) => {
  for (const [line, answer] of rows) assert.equal(await tell(line), answer, line);
};

test("reads are cached for less than a minute, and writes are always checked", async () => {
  const { tell, user, to, place } = await stage();
  const [read, write] = [`read read ${user.token}`, `write write ${user.token}`];
  await goes(tell, [
    [read, `200 ${user.username} asked, 1`],
    [read, `200 ${user.username} known, 0`],
    [write, `200 ${user.username} asked, 1`],
    ["ahead 55", "ahead, 0"],
    [read, `200 ${user.username} known, 0`],
    ["ahead 62", "ahead, 0"],
    [read, `200 ${user.username} asked, 1`],
  ]);
  assert.deepEqual(to.checks[0].body, { service_id: place.name });
  await user.revoke();
  await goes(tell, [
    [read, `200 ${user.username} known, 0`],
    [write, "403 forbidden, 1"],
    [read, "403 forbidden, 1"],
  ]);
});

test("tokens that were logged out, tokens that were removed from the cache, and invalid tokens", async () => {
  const { tell, user, place } = await stage();
  const other = await place.member();
  await goes(tell, [
    [`read read ${user.token}`, `200 ${user.username} asked, 1`],
    [`read read ${other.token}`, `200 ${other.username} asked, 1`],
  ]);
  for (const { token } of [user, other]) await admin.logout(token);
  await goes(tell, [
    [`read read ${user.token}`, `200 ${user.username} known, 0`],
    [`write write ${user.token}`, "401 invalid_token, 1"],
    [`read read ${user.token}`, "401 invalid_token, 1"],
    [`read read ${other.token}`, `200 ${other.username} known, 0`],
    [`forget ${other.token}`, "forgotten, 0"],
    [`read read ${other.token}`, "401 invalid_token, 1"],
    ["read read a|token", "401 invalid_token, 0"],
  ]);
});

test("while the service is unavailable, cached reads work until they expire", async () => {
  const { tell, user, to } = await stage();
  const [read, write] = [`read read ${user.token}`, `write write ${user.token}`];
  await goes(tell, [[read, `200 ${user.username} asked, 1`]]);
  for (const [mode, answer] of [
    ["busy", "503 unavailable 7, 1"],
    ["cut", /^503 network 5, [12]$/],
    ["hold", "503 network 5, 1"],
  ]) {
    to.mode = mode;
    assert.match(await tell(write), new RegExp(answer), mode);
    assert.equal(await tell(read), `200 ${user.username} known, 0`);
  }
  await goes(tell, [["ahead 62", "ahead, 0"]]);
  assert.match(await tell(read), /^503 network 5/);
  to.release();
  await goes(tell, [[read, `200 ${user.username} asked, 1`]]);
});
