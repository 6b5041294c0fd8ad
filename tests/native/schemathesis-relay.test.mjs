// schemathesis tests the relay, as a member of a server whose ids it knows. With random ids it
// would only ever see 404.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { installed, schemathesis } from "./schemathesis.mjs";
import { folder, serve } from "./server.mjs";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const raw = (key) => Buffer.from(key.export({ format: "jwk" }).x, "base64url");

/** The keys of an account, as fields of a registration. */
const keys = () => {
  const identity = generateKeyPairSync("ed25519");
  const prekey = randomBytes(32);
  return {
    identity_key: base64(raw(identity.publicKey)),
    signed_prekey: base64(prekey),
    signed_prekey_signature: base64(sign(null, prekey, identity.privateKey)),
    one_time_prekeys: Array.from({ length: 100 }, () => base64(randomBytes(32))),
  };
};

/** Returns the configuration that names ids for the paths of the relay. */
const configuration = ({ server, channel, message, other, code }) =>
  Object.entries({
    "^/api/v1/servers/": { id: server, user_id: other },
    "^/api/v1/channels/": { id: channel },
    "^/api/v1/messages/": { id: message },
    "^/api/v1/users/": { id: other },
    "^/api/v1/invites/": { code },
  })
    .map(([path, names]) => {
      const ids = Object.entries(names).map(([name, id]) => `"path.${name}" = "${id}"`);
      return `[[operations]]\ninclude-path-regex = "${path}"\nparameters = { ${ids.join(", ")} }\n`;
    })
    .join("\n");

test("every answer of the relay matches the description", { timeout: 600_000 }, async (t) => {
  if (!installed(t)) return;
  const { path, remove } = folder();
  const server = await serve({
    cwd: path,
    vars: { PASSWORD_HASH_MEMORY_KIB: "64", PASSWORD_HASH_PASSES: "1" },
  });
  try {
    const call = async (name, body, token) => {
      const answer = await fetch(`${server.url}/api/v1${name}`, {
        method: body ? "POST" : "GET",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: body && JSON.stringify(body),
      });
      assert.equal(answer.status, 200, name);
      return answer.json();
    };
    const register = (username) =>
      call("/auth/register", { username, password: "correct horse battery", ...keys() });
    const [{ access_token: token }, other] = [await register("ada"), await register("bob")];
    const made = await call("/servers", { encrypted_meta: "" }, token);
    const [channel] = await call(`/servers/${made.id}/channels`, undefined, token);
    const { code } = await call(`/servers/${made.id}/invites`, {}, token);
    await call(`/invites/${code}/join`, {}, other.access_token);
    const text = { sender_token: base64("ada"), encrypted_body: base64("sealed") };
    const message = await call(`/channels/${channel.id}/messages`, text, token);
    const ids = { server: made.id, channel: channel.id, message: message.id, code };
    const file = configuration({ ...ids, other: other.user.id });
    writeFileSync(join(path, "schemathesis.toml"), file);
    const relay = ["--include-path-regex", "^/api/v1/"];
    // Logging out would end the credential. Deletions come last, because the ids end with them.
    const headers = { Authorization: `Bearer ${token}` };
    const lasting = ["--exclude-method", "DELETE", "--exclude-path", "/api/v1/auth/logout"];
    await schemathesis(path, server.url, headers, ...relay, ...lasting);
    await schemathesis(path, server.url, headers, ...relay, "--include-method", "DELETE");
    assert.doesNotMatch(server.output(), /ERROR|panicked/, "nothing failed inside");
  } finally {
    await server.stop();
    remove();
  }
});
