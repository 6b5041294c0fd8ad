// schemathesis tests the server against openapi.json: no 5xx, and no answer that differs from the
// description.
import assert from "node:assert/strict";
import { test } from "node:test";
import { installed, schemathesis } from "./schemathesis.mjs";
import { INTERNAL_KEY, folder, post, serve } from "./server.mjs";

test("every answer matches the description", { timeout: 600_000 }, async (t) => {
  if (!installed(t)) return;
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
      // The relay has a suite of its own. Its logout would end the credential too.
      "--exclude-path-regex",
      "^/api/v1/",
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
