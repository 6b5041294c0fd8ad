// schemathesis tests the server against openapi.json: no 5xx, and no answer that differs from the
// description.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { INTERNAL_KEY, folder, post, serve } from "./server.mjs";

const VERSION = "4.32.5";
const HOME = resolve(`.tools/schemathesis-${VERSION}`);
const RUNNER = resolve("tests/native/run_schemathesis.py");
const DESCRIPTION = resolve("openapi.json");
const CHECKS =
  "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method";

/** Installs schemathesis into .tools, if it is not there. */
const install = () => {
  if (existsSync(`${HOME}/bin/schemathesis`)) return true;
  if (spawnSync("python3", ["-m", "pip", "--version"]).status !== 0) return false;
  console.log(`Installing schemathesis ${VERSION} once, into ${HOME}.`);
  const { status } = spawnSync(
    "python3",
    ["-m", "pip", "install", "--quiet", "--target", HOME, `schemathesis==${VERSION}`],
    { stdio: "inherit" },
  );
  return status === 0;
};

/**
 * Runs schemathesis in `cwd`, where it keeps its files. Asynchronous, because this process reads
 * the server's log at the same time.
 */
const schemathesis = async (cwd, url, headers, ...more) => {
  const named = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const options = [
    "--checks",
    CHECKS,
    "--seed",
    "1",
    "--max-examples",
    "40",
    "--max-time",
    "30",
    "--suppress-health-check",
    "all",
  ];
  const args = [
    RUNNER,
    "run",
    DESCRIPTION,
    "--url",
    url,
    ...options,
    "--warnings",
    "off",
    "--no-color",
    ...named,
    ...more,
  ];
  const child = spawn("python3", args, { cwd, env: { ...process.env, PYTHONPATH: HOME } });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  // Not "exit", which can come before the last of the output.
  const [status] = await once(child, "close");
  assert.equal(status, 0, output);
  const [, cases] = /(\d+) generated/.exec(output) ?? [];
  assert.ok(Number(cases) > 100, output);
};

test("every answer matches the description", { timeout: 600_000 }, async (t) => {
  if (!install()) {
    assert.ok(!process.env.CI, "CI needs python3 with pip");
    t.skip("python3 with pip is not installed");
    return;
  }
  const { path, remove } = folder();
  const secret = "mQ7zXc2Vb9Lk4Jh8Gf3Ds6Ap1Yt5Re0Wu";
  const server = await serve({
    cwd: path,
    vars: { BOOTSTRAP_SECRET: secret, PASSWORD_HASH_MEMORY_KIB: "64", PASSWORD_HASH_PASSES: "1" },
  });
  try {
    const made = await post(server.url, "/api/internal/tokens", {
      provider: "google",
      provider_id: "s",
      email: "s@example.com",
      platform: "api",
    });
    const { access_token } = await made.json();
    const internal = { "X-Internal-Service": "hamrah-app", "X-Internal-Key": INTERNAL_KEY };
    // Logging out and deleting the account would end the credential for all requests after them.
    const ending = ["/api/auth/sessions/logout", "/api/auth/users/{user_id}/tokens/revoke"];
    const excluded = ending.flatMap((name) => ["--exclude-path", name]);
    await schemathesis(
      path,
      server.url,
      { Authorization: `Bearer ${access_token}`, ...internal },
      "--exclude-method",
      "DELETE",
      ...excluded,
    );
    await schemathesis(path, server.url, {});
    // The authorization service, as its administrator, without the routes that could revoke this
    // token.
    const json = async (at, body, headers = {}) => {
      const answer = await fetch(server.url + at, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
      return answer.json();
    };
    const who = { username: "root", password: "correct horse battery" };
    const { id } = await json("/auth/bootstrap", { secret, name: "Root", ...who });
    const { token: own } = await json("/auth/login", who);
    const { token } = await json("/service-tokens", { person_id: id }, { token: own });
    const others = [
      "--include-path-regex",
      "^/(auth/profile|check|users|roles|permissions|role-|services|service-r|person-|people|explain|changes|access)",
    ];
    await schemathesis(
      path,
      server.url,
      { token },
      ...others,
      "--exclude-path",
      "/users/{id}/tokens",
      "--exclude-path",
      "/users/{id}",
    );
    assert.doesNotMatch(server.output(), /ERROR|panicked/, "nothing failed inside");
  } finally {
    await server.stop();
    remove();
  }
});
