// The list of sessions shows the country from which each session was created, as the edge reports
// it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startApi } from "./miniflare.mjs";

const post = async (api, path, body, headers) => {
  const answer = await fetch(`${api.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, path);
  return answer.json();
};

/**
 * Creates a session through the web app's server, then one with a backup code. Returns the
 * countries of both, newest first.
 */
const countries = async (api) => {
  const internal = {
    "x-internal-service": "hamrah-app",
    "x-internal-key": api.settings.INTERNAL_API_KEY,
  };
  const person = {
    email: "ada@example.com",
    auth_method: "google",
    provider: "google",
    provider_id: "ada",
    platform: "web",
  };
  const { user } = await post(api, "/api/internal/users", person, internal);
  const { session_token } = await post(
    api,
    "/api/internal/sessions",
    { user_id: user.id, platform: "web" },
    internal,
  );
  const headers = { authorization: `Bearer ${session_token}` };
  const { codes } = await post(api, "/api/auth/backup-codes", {}, headers);
  const { challenge_id } = await post(api, "/api/auth/recovery/begin", { email: person.email });
  // The client's own header must be ignored.
  await post(
    api,
    "/api/auth/recovery/complete",
    { challenge_id, code: codes[0] },
    { "cf-ipcountry": "AQ" },
  );
  const { sessions } = await (await fetch(`${api.url}/api/users/me/sessions`, { headers })).json();
  return sessions.map(({ country }) => country);
};

for (const [cf, expected] of [
  [{ country: "NL" }, "NL"],
  [{ colo: "AMS" }, null],
]) {
  test(`a sign-in is listed with the country ${expected}, and a session from a service with none`, async () => {
    const api = await startApi({ cf });
    try {
      assert.deepEqual(await countries(api), [expected, null]);
    } finally {
      await api.stop();
    }
  });
}
