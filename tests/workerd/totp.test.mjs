// Codes that other programs compute are accepted on both targets: npm's otplib, and oathtool if the
// machine has it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { generate } from "otplib";
import { INTERNAL_KEY, folder, serve } from "../native/server.mjs";
import { startApi } from "./miniflare.mjs";

const made = folder();
const oathtool = spawnSync("oathtool", ["--version"]).status === 0;
const servers = {};
before(async () => {
  const native = await serve({ cwd: made.path });
  servers.natively = { url: native.url, key: INTERNAL_KEY, stop: native.stop };
  const worker = await startApi();
  servers["in workerd"] = {
    url: worker.url,
    key: worker.settings.INTERNAL_API_KEY,
    stop: worker.stop,
  };
});
after(async () => {
  for (const server of Object.values(servers)) await server.stop();
  made.remove();
});

const post = async (server, path, body, headers) => {
  const answer = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
};

/** Creates an account and returns the headers of its session. */
const signedIn = async (server, name) => {
  const internal = { "x-internal-service": "hamrah-app", "x-internal-key": server.key };
  const person = {
    email: `${name}@example.com`,
    auth_method: "google",
    provider: "google",
    provider_id: name,
    platform: "web",
  };
  const { body } = await post(server, "/api/internal/users", person, internal);
  const session = await post(
    server,
    "/api/internal/sessions",
    { user_id: body.user.id, platform: "web" },
    internal,
  );
  return { email: person.email, authorization: `Bearer ${session.body.session_token}` };
};

/**
 * Returns the code of a step, 0 for the current and 1 for the next. Waits if the step is about to
 * end, so that the code arrives in time.
 */
const atStep = async (offset, code) => {
  while (Date.now() % 30_000 > 25_000) await new Promise((resume) => setTimeout(resume, 200));
  return code(Math.floor(Date.now() / 1000) + 30 * offset);
};

/**
 * Enrols with the current code, recovers with the next one, and checks that neither is accepted
 * again.
 */
const walk = async (server, name, code) => {
  const person = await signedIn(server, name);
  const headers = { authorization: person.authorization };
  const enrolled = await post(server, "/api/auth/totp/enroll", {}, headers);
  assert.equal(enrolled.status, 200);
  const uri = new URL(enrolled.body.otpauth_uri);
  assert.equal(uri.searchParams.get("secret"), enrolled.body.secret);
  const [now, next] = [
    await atStep(0, (at) => code(enrolled.body.secret, at)),
    await atStep(1, (at) => code(enrolled.body.secret, at)),
  ];
  assert.match(now, /^\d{6}$/);
  assert.equal((await post(server, "/api/auth/totp/confirm", { code: now }, headers)).status, 200);
  const recover = async (shown) => {
    const { body } = await post(server, "/api/auth/recovery/begin", { email: person.email });
    return post(server, "/api/auth/recovery/complete", {
      challenge_id: body.challenge_id,
      code: shown,
    });
  };
  assert.equal((await recover(now)).status, 401, "this step was used");
  const recovered = await recover(next);
  assert.equal(recovered.status, 200);
  assert.deepEqual(recovered.body.amr, ["otp", "recovery"]);
  assert.equal((await recover(next)).status, 401);
};

const byOathtool = (secret, at) =>
  spawnSync("oathtool", ["--totp", "--base32", `--now=@${at}`, secret], {
    encoding: "utf8",
  }).stdout.trim();

for (const target of ["natively", "in workerd"]) {
  test(`otplib's codes are accepted, each step once, ${target}`, () =>
    walk(servers[target], "otplib", (secret, at) => generate({ secret, epoch: at })));
  test(
    `oathtool's codes are accepted, each step once, ${target}`,
    { skip: !oathtool && "oathtool is not installed" },
    () => walk(servers[target], "oathtool", byOathtool),
  );
}
