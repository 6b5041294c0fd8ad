// Another library verifies our access tokens with the published keys alone, also while keys are
// rotated.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  calculateJwkThumbprint,
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  jwtVerify,
} from "jose";
import { signingKeys, startApi } from "./miniflare.mjs";

const EXPECTED = {
  issuer: "http://localhost",
  audience: "hamrah",
  typ: "at+jwt",
  algorithms: ["EdDSA"],
};
const ADA = { email: "ada@example.com", provider: "google", provider_id: "1", platform: "ios" };

let api;
before(async () => {
  api = await startApi();
});
after(() => api?.stop());

const call = async (path, { body, headers, method = body ? "POST" : "GET" } = {}) => {
  const init = {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  };
  const response = await fetch(`${api.url}${path}`, init);
  return { status: response.status, headers: response.headers, body: await response.json() };
};

const ok = async (...asked) => {
  const { status, body } = await call(...asked);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};

const newPair = () => {
  const headers = {
    "X-Internal-Service": "hamrah-app",
    "X-Internal-Key": api.settings.INTERNAL_API_KEY,
  };
  return ok("/api/internal/tokens", { body: ADA, headers });
};
const refresh = ({ refresh_token }) =>
  call("/api/auth/tokens/refresh", { body: { refresh_token } });
const validate = (token) =>
  call("/api/auth/tokens/validate", { headers: { Authorization: `Bearer ${token}` } });

/** Returns a verifier with an empty cache, which fetches the keys as other services do. */
const verifier = () => createRemoteJWKSet(new URL("/.well-known/jwks.json", api.url));
const verify = (token, keys = verifier(), expected = EXPECTED) => jwtVerify(token, keys, expected);

const kidOf = (token) => decodeProtectedHeader(token).kid;
const publishedKids = async () => (await ok("/.well-known/jwks.json")).keys.map(({ kid }) => kid);

test("jose verifies an access token with the published keys", async () => {
  const pair = await newPair();
  const { payload, protectedHeader } = await verify(pair.access_token);
  assert.deepEqual(protectedHeader, {
    typ: "at+jwt",
    alg: "EdDSA",
    kid: (await publishedKids())[0],
  });

  const { iss, aud, sub, sid, iat, exp, jti, client_id } = payload;
  assert.deepEqual([iss, aud, sub, client_id], ["http://localhost", "hamrah", pair.user.id, "ios"]);
  const [session] = await api.sql("SELECT id, user_id FROM sessions");
  assert.deepEqual([sid, sub], [session.id, session.user_id]);
  assert.equal(exp - iat, pair.expires_in);
  assert.ok(Math.abs(iat - Date.now() / 1000) < 30);
  assert.match(jti, /^[\w-]{16,}$/);
  assert.deepEqual(
    [payload.amr, Math.abs(payload.auth_time - iat) <= 1],
    [["fed"], true],
    "RFC 9068 §2.2.1",
  );
  assert.deepEqual(Object.keys(payload).sort(), [
    "amr",
    "aud",
    "auth_time",
    "client_id",
    "exp",
    "iat",
    "iss",
    "jti",
    "sid",
    "sub",
  ]);

  const again = await ok("/api/auth/tokens/refresh", {
    body: { refresh_token: pair.refresh_token },
  });
  const renewed = (await verify(again.access_token)).payload;
  assert.equal(renewed.sid, sid, "the same session");
  assert.notEqual(renewed.jti, jti);
});

test("jose refuses tokens with another issuer, audience, type, algorithm, time or signature", async () => {
  const { access_token } = await newPair();
  const keys = verifier();
  await verify(access_token, keys);
  for (const [expected, code] of [
    [{ ...EXPECTED, issuer: "https://api.hamrah.app" }, "ERR_JWT_CLAIM_VALIDATION_FAILED"],
    [{ ...EXPECTED, audience: "other" }, "ERR_JWT_CLAIM_VALIDATION_FAILED"],
    [{ ...EXPECTED, typ: "JWT" }, "ERR_JWT_CLAIM_VALIDATION_FAILED"],
    [{ ...EXPECTED, algorithms: ["ES256"] }, "ERR_JOSE_ALG_NOT_ALLOWED"],
    [{ ...EXPECTED, currentDate: new Date(Date.now() + 3_601_000) }, "ERR_JWT_EXPIRED"],
  ]) {
    await assert.rejects(verify(access_token, keys, expected), { code });
  }
  const [header, , signature] = access_token.split(".");
  const [, claims] = (await newPair()).access_token.split(".");
  await assert.rejects(
    verify(`${header}.${claims}.${signature}`, keys),
    errors.JWSSignatureVerificationFailed,
  );
});

test("the published keys hold no private part, have their thumbprints as ids, and may be cached", async () => {
  const { headers, body } = await call("/.well-known/jwks.json");
  assert.equal(headers.get("cache-control"), "public, max-age=300");
  assert.equal(body.keys.length, 1);
  for (const key of body.keys) {
    assert.deepEqual(Object.keys(key).sort(), ["alg", "crv", "kid", "kty", "use", "x"]);
    assert.equal(key.kid, await calculateJwkThumbprint(key));
  }
});

test("a key rotation keeps old tokens valid", async () => {
  const keysOf = (...sets) => ({
    JWT_SIGNING_KEYS: JSON.stringify({ keys: sets.flatMap((set) => JSON.parse(set).keys) }),
  });
  const [first, second] = [signingKeys(), signingKeys()];

  await api.reload(keysOf(first));
  const [old, used, lost] = [await newPair(), await newPair(), await newPair()];
  const [oldKid] = await publishedKids();
  assert.equal(kidOf(old.access_token), oldKid);

  // First the new key is published and does not sign yet. So every instance and every cache knows
  // it before its first token.
  await api.reload(keysOf(first, second));
  const [, newKid] = await publishedKids();
  assert.equal(kidOf((await newPair()).access_token), oldKid);
  assert.equal((await validate(old.access_token)).status, 200);
  // jose fetches keys at most every 30 seconds, so this verifier keeps the keys that it has now.
  const cached = verifier();
  await verify(old.access_token, cached);
  const beforeRotation = (await refresh(lost)).body;
  assert.equal(kidOf(beforeRotation.access_token), oldKid);

  // Then the new key signs, and the old key only verifies.
  await api.reload(keysOf(second, first));
  assert.deepEqual(await publishedKids(), [newKid, oldKid]);
  assert.notEqual(newKid, oldKid);
  assert.equal((await verify(old.access_token)).protectedHeader.kid, oldKid);
  const owner = await validate(old.access_token);
  assert.deepEqual([owner.status, owner.body.user?.id], [200, old.user.id]);
  const renewed = await refresh(used);
  assert.equal(renewed.status, 200);
  assert.equal(kidOf(renewed.body.access_token), newKid);
  assert.equal(
    (await verify(renewed.body.access_token, cached)).payload.sid,
    (await verify(used.access_token)).payload.sid,
  );
  assert.equal((await validate(renewed.body.access_token)).status, 200);
  assert.equal((await refresh(renewed.body)).status, 200, "the new refresh token works");

  // A client that lost the answer before the rotation gets the same refresh token, although the old
  // key derived it.
  const repeated = await refresh(lost);
  assert.equal(repeated.status, 200);
  assert.equal(repeated.body.refresh_token, beforeRotation.refresh_token);

  // At last the old key is removed. Its access tokens become invalid. The sessions stay.
  await api.reload(keysOf(second));
  assert.deepEqual(await publishedKids(), [newKid]);
  assert.equal((await validate(old.access_token)).status, 401);
  await assert.rejects(verify(old.access_token), errors.JWKSNoMatchingKey);
  assert.equal((await validate(renewed.body.access_token)).status, 200);
  assert.equal((await refresh(old)).status, 200);
});
