// Accounts of the relay for the Node suites. Both targets use it.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** Returns an identity key with a prekey that it signed. */
const identity = () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const prekey = randomBytes(32);
  prekey[31] &= 127;
  return {
    identity_key: Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url").toString(
      "base64",
    ),
    signed_prekey: prekey.toString("base64"),
    signed_prekey_signature: sign(null, prekey, privateKey).toString("base64"),
  };
};

/**
 * Returns calls of the relay at `url`. `register(username)` makes an account, which has
 * `call(method, path, body)`; `server(account)` makes a server and returns it with `channel`, the
 * id of its first channel.
 */
export const relay = (url) => {
  const request = async (method, path, body, headers = {}) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { ...(body ? { "content-type": "application/json" } : {}), ...headers },
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  };
  const register = async (username, password = "a long password for the relay") => {
    const { status, body } = await request("POST", "/auth/register", {
      username,
      password,
      ...identity(),
      one_time_prekeys: [],
    });
    assert.equal(status, 200, JSON.stringify(body));
    const authorization = `Bearer ${body.access_token}`;
    return {
      id: body.user.id,
      access: body.access_token,
      refresh: body.refresh_token,
      call: (method, path, body, headers) =>
        request(method, path, body, { authorization, ...headers }),
    };
  };
  const server = async (account) => {
    const made = await account.call("POST", "/servers", { encrypted_meta: "AAAA" });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const { body } = await account.call("GET", `/servers/${made.body.id}/channels`);
    return { ...made.body, channel: body[0].id };
  };
  return { register, server };
};
