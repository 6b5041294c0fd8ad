// An operator rotates SECRETS_KEY. `doctor` and the start report the state of the keys, and codes
// stay valid.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { generate } from "otplib";
import { folder, post, run, serve } from "./server.mjs";

const made = folder();
after(() => made.remove());
const [OLD, NEW] = [randomBytes(32).toString("base64url"), randomBytes(32).toString("base64")];
const cwd = made.path;

const started = async (SECRETS_KEY, check) => {
  const server = await serve({ cwd, vars: { SECRETS_KEY } });
  try {
    return await check(server);
  } finally {
    await server.stop();
  }
};

const doctor = async (SECRETS_KEY) => {
  const { code, output } = await run(["doctor"], { cwd, vars: { SECRETS_KEY } });
  return { code, keys: output.split("\n").filter((line) => line.startsWith("secrets key")) };
};

test("secrets move to a new key, and doctor counts the secrets of each key", async () => {
  const person = {
    email: "ada@example.com",
    auth_method: "google",
    provider: "google",
    provider_id: "1",
    platform: "web",
  };
  const enrolled = await started(OLD, async ({ url }) => {
    const { user } = await (await post(url, "/api/internal/users", person)).json();
    const { session_token } = await (
      await post(url, "/api/internal/sessions", { user_id: user.id, platform: "web" })
    ).json();
    const authorization = `Bearer ${session_token}`;
    const call = async (path, body) =>
      (
        await fetch(`${url}${path}`, {
          method: "POST",
          headers: { authorization, "content-type": "application/json" },
          body: JSON.stringify(body),
        })
      ).json();
    const { secret } = await call("/api/auth/totp/enroll", {});
    const code = await generate({ secret, epoch: Math.floor(Date.now() / 1000) - 30 });
    assert.equal((await call("/api/auth/totp/confirm", { code })).success, true);
    return { secret };
  });

  // Without the key that sealed it, the secret cannot be opened, which is reported.
  const lost = await doctor(NEW);
  assert.notEqual(lost.code, 0);
  assert.match(
    lost.keys.join("\n"),
    /WRONG {2}1 TOTP secrets are sealed with \S{8}, which is not in SECRETS_KEY/,
  );
  await started(NEW, ({ output }) =>
    assert.match(output(), /TOTP secrets are sealed with a key missing from SECRETS_KEY/),
  );

  assert.match((await doctor(`${OLD},${NEW}`)).keys.join("\n"), /seals; 1 TOTP.*\n.*opens; 0 TOTP/);
  // Maintenance runs at the start.
  await started(`${NEW},${OLD}`, async ({ url, output }) => {
    for (let attempt = 0; attempt < 400 && !output().includes("reseal TOTP secrets"); attempt += 1)
      await new Promise((resume) => setTimeout(resume, 25));
    assert.match(output(), /maintenance job finished job="reseal TOTP secrets" rows=1/);
    assert.ok(
      !output().includes(enrolled.secret) && !output().includes(OLD) && !output().includes(NEW),
    );
    const { challenge_id } = await (
      await post(url, "/api/auth/recovery/begin", { email: person.email })
    ).json();
    const code = await generate({ secret: enrolled.secret, epoch: Math.floor(Date.now() / 1000) });
    assert.equal(
      (await post(url, "/api/auth/recovery/complete", { challenge_id, code })).status,
      200,
    );
  });
  const moved = await doctor(`${NEW},${OLD}`);
  assert.equal(moved.code, 0);
  assert.match(moved.keys.join("\n"), /seals; 1 TOTP.*\n.*opens; 0 TOTP/);
  assert.equal((await doctor(NEW)).code, 0);
});

test("passwords that were hashed with a removed pepper are reported", async () => {
  const made = folder();
  const vars = { PASSWORD_HASH_MEMORY_KIB: "64", PASSWORD_HASH_PASSES: "1" };
  const pepper = randomBytes(32).toString("base64url");
  const created = await run(["admin", "create", "root"], {
    cwd: made.path,
    vars: { ...vars, PASSWORD_PEPPER: pepper },
  });
  assert.equal(created.code, 0, created.output);
  const fine = await run(["doctor"], {
    cwd: made.path,
    vars: { ...vars, PASSWORD_PEPPER: `${randomBytes(32).toString("base64url")},${pepper}` },
  });
  assert.match(fine.output, /passwords +ok +1 under \S{8}/);
  const lost = await run(["doctor"], { cwd: made.path, vars });
  assert.notEqual(lost.code, 0);
  assert.match(
    lost.output,
    /passwords +WRONG +1 were hashed with \S{8}, which is not in PASSWORD_PEPPER/,
  );
  const server = await serve({ cwd: made.path, vars });
  await server.stop();
  assert.match(server.output(), /passwords were hashed with a key missing from PASSWORD_PEPPER/);
  made.remove();
});
