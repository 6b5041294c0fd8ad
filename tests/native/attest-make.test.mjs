// An app's team works without a device: `attest make` creates an attestation and assertions under
// the root that development generates, and a server on either target accepts them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { startApi } from "../workerd/miniflare.mjs";
import { folder, post, run, serve } from "./server.mjs";

const folders = [];
const fresh = () => {
  const made = folder();
  folders.push(made);
  return made.path;
};
after(() => folders.forEach((made) => made.remove()));

/** Runs `attest make` and returns its output. */
const make = async (cwd, ...args) => {
  const { code, output } = await run(["attest", "make", ...args], { cwd });
  assert.equal(code, 0, output);
  return output;
};

/** Returns `client_attestation` of the device, as the app sends it through the web app's server. */
const newAttestation = async (cwd, challenge) => {
  await challenge();
  return Buffer.from(await make(cwd, "attestation", "challenge.json")).toString("base64");
};

/** Walks from the challenge to signed requests, as docs/APP_ATTEST.md describes. */
const walk = async (url, cwd, tokens) => {
  const send = (path, body) =>
    fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const challenge = async () => {
    const answer = await send("/api/app-attestation/challenge", {
      platform: "ios",
      bundle_id: "app.hamrah.ios",
    });
    assert.equal(answer.status, 200, "development has a bundle id");
    writeFileSync(join(cwd, "challenge.json"), await answer.text());
  };
  await challenge();
  const attestation = JSON.parse(await make(cwd, "attestation", "challenge.json"));
  const verified = await send("/api/app-attestation/verify", attestation);
  assert.equal(verified.status, 200, await verified.text());
  assert.equal(statSync(join(cwd, "device.json")).mode & 0o77, 0, "only the owner may read it");

  // A new sign-in through the web app's server, with the same device.
  const { access_token } = await tokens(await newAttestation(cwd, challenge));
  const me = async (...headers) => {
    const signed = Object.fromEntries(headers);
    return (
      await fetch(`${url}/api/users/me`, {
        headers: { authorization: `Bearer ${access_token}`, ...signed },
      })
    ).status;
  };
  assert.equal(await me(), 403, "an iOS token needs its device");
  const text = `GET:${url}/api/users/me:${Math.floor(Date.now() / 1000)}`;
  for (const count of [1, 2]) {
    const made = await make(cwd, "assertion", "--client-data", text);
    const headers = made
      .trim()
      .split("\n")
      .map((line) => line.split(": "));
    assert.equal(await me(...headers), 200, `request ${count}`);
    assert.equal(await me(...headers), 403, "an assertion is valid once");
  }
};

const signIn = (send) => async (client_attestation) => {
  const answer = await send("/api/internal/tokens", {
    provider: "google",
    provider_id: "1",
    email: "ada@example.com",
    platform: "ios",
    client_attestation,
  });
  assert.equal(answer.status, 200);
  return answer.json();
};

test("a native server in development accepts what attest make makes", async () => {
  const cwd = fresh();
  const server = await serve({ cwd, vars: { APP_ATTEST_MODE: "require" } });
  await walk(
    server.url,
    cwd,
    signIn((path, body) => post(server.url, path, body)),
  );
  await server.stop();
  assert.match(await make(cwd, "root"), /^-----BEGIN CERTIFICATE-----\n/);
  // The printed headers can be inspected as they are.
  const text = "GET:http://localhost/api/users/me:1790000000";
  const made = await make(cwd, "assertion", "--client-data", text);
  writeFileSync(join(cwd, "headers.txt"), made);
  writeFileSync(join(cwd, "root.pem"), await make(cwd, "root"));
  writeFileSync(join(cwd, "challenge.json"), JSON.stringify({ challenge: "A".repeat(44) }));
  writeFileSync(join(cwd, "attestation.json"), await make(cwd, "attestation", "challenge.json"));
  const app = ["--app-id", "UR6RM9YCF7.app.hamrah.ios"];
  const inspect = ["attest", "inspect", "attestation.json", ...app, "--root", "root.pem"];
  const attestation = await run(inspect, { cwd });
  assert.equal(attestation.code, 0, attestation.output);
  const key = /public_key +(\S+)/.exec(attestation.output)[1];
  const assertion = ["attest", "inspect-assertion", "headers.txt", ...app, "--public-key", key];
  const inspected = await run([...assertion, "--client-data", text], { cwd });
  assert.equal(inspected.code, 0, inspected.output);
  assert.match(readFileSync(join(cwd, ".dev.vars"), "utf8"), /^APP_ATTEST_TEST_ROOT='-----BEGIN/m);
});

test("the Worker in development accepts what attest make makes", async (t) => {
  const cwd = fresh();
  const script = `import { devVars } from ${JSON.stringify(resolve("scripts/dev-vars.mjs"))};
    console.error(JSON.stringify(devVars()));`;
  const { stderr } = spawnSync("node", ["--input-type=module", "-e", script], {
    cwd,
    encoding: "utf8",
  });
  const vars = { ...JSON.parse(stderr), APP_ATTEST_MODE: "require" };
  const api = await startApi({ vars });
  t.after(api.stop);
  const send = (path, body) =>
    fetch(`${api.url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-internal-service": "hamrah-app",
        "x-internal-key": vars.INTERNAL_API_KEY,
      },
      body: JSON.stringify(body),
    });
  await walk(api.url, cwd, signIn(send));
});

test("attest make refuses production and a folder without a root", async () => {
  const cwd = fresh();
  writeFileSync(join(cwd, "challenge.json"), JSON.stringify({ challenge: "AAAA" }));
  const none = await run(["attest", "make", "attestation", "challenge.json"], { cwd });
  assert.notEqual(none.code, 0);
  assert.match(none.output, /there is no test root yet: start `hamrah-api serve`/);
  const device = await run(["attest", "make", "assertion", "--client-data", "x"], { cwd });
  assert.notEqual(device.code, 0);
  assert.match(device.output, /device\.json: .*`hamrah-api attest make attestation` makes/);

  const server = await serve({ cwd });
  await server.stop();
  const kept = Object.fromEntries(
    readFileSync(join(cwd, ".dev.vars"), "utf8")
      .trim()
      .split("\n")
      .map((line) => /^(\w+)='(.*)'$/.exec(line).slice(1)),
  );
  const production = await run([], {
    cwd,
    vars: {
      ...kept,
      ENVIRONMENT: "production",
      ALLOWED_ORIGINS: "https://hamrah.app,https://api.hamrah.app",
      RP_ID: "hamrah.app",
      JWT_ISSUER: "https://api.hamrah.app",
      JWT_AUDIENCE: "hamrah",
    },
  });
  assert.notEqual(production.code, 0);
  for (const name of ["APP_ATTEST_TEST_ROOT", "APP_ATTEST_TEST_ROOT_KEY"])
    assert.match(production.output, new RegExp(`${name} must not be set in production`));
  assert.ok(!production.output.includes(kept.APP_ATTEST_TEST_ROOT_KEY), "no secret in the log");
});
