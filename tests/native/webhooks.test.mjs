// The native binary delivers webhooks: after a restart, over TLS, and again if a kill interrupted
// the delivery.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { freshSecret, HANG, startReceiver } from "../workerd/receiver.mjs";
import { folder, post, run, serve } from "./server.mjs";

const SECRETS = [freshSecret(), freshSecret()];
const cleanups = [];
after(() => cleanups.forEach((cleanup) => cleanup()));
const fresh = () => {
  const made = folder();
  cleanups.push(made.remove);
  return made.path;
};
const receiving = async (tls) => {
  const receiver = await startReceiver(tls);
  cleanups.push(receiver.stop);
  return receiver;
};
const settings = ({ url }) => ({ WEBHOOK_URL: url, WEBHOOK_SECRETS: SECRETS.join(",") });
const person = {
  provider: "google",
  provider_id: "n",
  email: "n@example.com",
  name: "Nadja",
  platform: "web",
};

/**
 * Causes an event after the maintenance at the start and before the next one, a minute later. So
 * this server does not deliver it.
 */
const causeEvent = async (cwd, vars) => {
  const server = await serve({ cwd, vars: { ...vars, RUST_LOG: "info,hamrah_api=debug" } });
  for (
    let attempt = 0;
    attempt < 1200 && !server.output().includes("maintenance finished");
    attempt += 1
  )
    await new Promise((resume) => setTimeout(resume, 25));
  assert.match(server.output(), /maintenance finished/);
  assert.equal((await post(server.url, "/api/internal/users", person)).status, 200);
  await server.stop();
};

test(
  "a delivery that a kill interrupted is repeated later, with the same id",
  { timeout: 120_000 },
  async () => {
    const [cwd, receiver] = [fresh(), await receiving()];
    await causeEvent(cwd, settings(receiver));
    receiver.react(HANG);
    const killed = await serve({ cwd, vars: settings(receiver) });
    await receiver.got(1);
    await killed.stop("SIGKILL");
    // The first delay and its random addition.
    await new Promise((resume) => setTimeout(resume, 35_000));
    const again = await serve({ cwd, vars: settings(receiver) });
    const [first, second] = await receiver.got(2);
    await again.stop();
    for (const secret of SECRETS)
      assert.equal(receiver.verify(second, secret).data.user.name, "Nadja");
    assert.equal(first.headers["webhook-id"], second.headers["webhook-id"]);
    const output = killed.output() + again.output();
    for (const hidden of [...SECRETS, "/hook", "n@example.com", "Nadja"])
      assert.ok(!output.includes(hidden), hidden);
  },
);

const openssl = spawnSync("openssl", ["version"]).status === 0;
test(
  "messages are delivered over TLS only if this machine trusts the certificate",
  { skip: openssl ? false : "needs openssl" },
  async (t) => {
    const [cwd, keys] = [fresh(), fresh()];
    const made = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
    ];
    const files = [
      "-addext",
      "subjectAltName=DNS:localhost",
      "-addext",
      "basicConstraints=critical,CA:FALSE",
      "-keyout",
      "key.pem",
      "-out",
      "cert.pem",
    ];
    assert.equal(spawnSync("openssl", [...made, ...files], { cwd: keys }).status, 0);
    const read = (file) => readFileSync(join(keys, file));
    const receiver = await receiving({ key: read("key.pem"), cert: read("cert.pem") });
    await causeEvent(cwd, settings(receiver));
    const trusting = { ...settings(receiver), SSL_CERT_FILE: join(keys, "cert.pem") };
    const server = await serve({ cwd, vars: trusting });
    const [message] = await receiver.got(1);
    assert.equal(receiver.verify(message, SECRETS[0]).type, "user_created");
    await server.stop();

    const other = fresh();
    await causeEvent(other, settings(receiver));
    const wary = await serve({ cwd: other, vars: settings(receiver) });
    t.after(() => wary.stop());
    for (let attempt = 0; attempt < 1200 && !wary.output().includes("no connection"); attempt += 1)
      await new Promise((resume) => setTimeout(resume, 25));
    assert.match(wary.output(), /no connection/);
    assert.equal(receiver.messages.length, 1);
  },
);

test("a webhook secret is generated, and an incomplete or weak configuration is refused", async () => {
  const cwd = fresh();
  const { output } = await run(["keys", "webhook"], { cwd });
  assert.match(output, /^WEBHOOK_SECRETS='whsec_[\w+/]{43}='\n$/);
  const url = { WEBHOOK_URL: "https://mail.example/hook" };
  for (const vars of [
    url,
    { WEBHOOK_SECRETS: SECRETS[0] },
    { ...url, WEBHOOK_SECRETS: "whsec_c2hvcnQ=" },
    { ...url, WEBHOOK_SECRETS: "hello" },
  ]) {
    const doctor = await run(["doctor"], { cwd, vars });
    assert.match(doctor.output, /WRONG {2}WEBHOOK_/);
    assert.notEqual(doctor.code, 0);
  }
});
