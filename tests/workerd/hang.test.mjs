// The database does not answer. The Worker must answer in time, and a write that takes effect later
// must do no harm.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startApi } from "./miniflare.mjs";

const PATIENCE = 8_000;
let api;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

const post = (path, body) =>
  fetch(`${api.url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-internal-service": "hamrah-app",
      "x-internal-key": api.settings.INTERNAL_API_KEY,
    },
    body: JSON.stringify(body),
  });

test(
  "a database that hangs gives 503, and the request can be repeated after its late effect",
  { timeout: 60_000 },
  async () => {
    const made = await (
      await post("/api/internal/tokens", {
        provider: "google",
        provider_id: "h",
        email: "h@example.com",
        platform: "ios",
      })
    ).json();
    api.plan([{ at: 0, mode: "hang", milliseconds: PATIENCE + 4_000 }]);
    const answer = await post("/api/auth/tokens/refresh", { refresh_token: made.refresh_token });
    assert.equal(answer.status, 503);
    assert.equal((await answer.json()).code, "service_unavailable");
    assert.ok(answer.headers.get("retry-after"));
    const repeated = await post("/api/auth/tokens/refresh", { refresh_token: made.refresh_token });
    assert.equal(repeated.status, 200);
    await new Promise((resume) => setTimeout(resume, 5_000));
    const { refresh_token } = await repeated.json();
    const [{ live }] = await api.sql(
      "SELECT COUNT(*) AS live FROM refresh_tokens WHERE replaced_by IS NULL",
    );
    assert.equal(live, 1, "one unused refresh token");
    assert.equal((await post("/api/auth/tokens/refresh", { refresh_token })).status, 200);
  },
);
