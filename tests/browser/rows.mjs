// Changes rows in the server's database, for states that a test cannot reach on the page: sessions
// of the app on a real device, and old sessions.
import { randomBytes, randomUUID } from "node:crypto";

const DAY = 86_400_000;
const idOf = (who) => `(SELECT id FROM users WHERE email = '${who.email}')`;

/**
 * Adds devices to an account and returns the ids of their keys. `created` and `used` are times,
 * `revoked` is a boolean.
 */
export const registered = async ({ sql }, who, devices) => {
  const ids = devices.map(() => randomBytes(32).toString("base64url"));
  const rows = devices.map(
    ({ created = Date.now(), used = null, revoked = false }, n) =>
      `('${ids[n]}', ${idOf(who)}, 'BA', 'TEAM123456.app.hamrah.ios', 'production', 12, 'MA', ${created}, ${used}, ${revoked ? Date.now() : null})`,
  );
  await sql(
    `INSERT INTO attest_keys (id, user_id, public_key, app_id, environment, counter, receipt, created_at, last_used_at, revoked_at)
     VALUES ${rows.join(", ")}`,
  );
  return ids;
};

/** Returns when each of these keys was revoked, or null. */
export const revocations = async ({ sql }, ids) => {
  const rows = await sql(
    `SELECT id, revoked_at FROM attest_keys WHERE id IN ('${ids.join("', '")}')`,
  );
  return ids.map((id) => rows.find((row) => row.id === id)?.revoked_at);
};

/**
 * Gives an account an identity key of 32 zero bytes with one-time prekeys, a backup and blocks, in
 * place of those that it has.
 */
export const withMessagingKeys = async (
  { sql },
  who,
  { prekeys, backup = false, blocked = [] },
) => {
  const user = idOf(who);
  for (const table of ["relay_keys", "relay_prekeys", "relay_key_backups", "relay_blocks"])
    await sql(`DELETE FROM ${table} WHERE user_id = ${user}`);
  const key = "A".repeat(43);
  await sql(
    `INSERT INTO relay_keys (user_id, identity_key, signed_prekey, signed_prekey_signature, signed_prekey_day)
     VALUES (${user}, '${key}', '${key}', '${"A".repeat(86)}', 0)`,
  );
  await sql(
    `INSERT INTO relay_prekeys (user_id, stock) VALUES (${user}, '${key.repeat(prekeys)}')`,
  );
  if (backup) {
    await sql(
      `INSERT INTO relay_key_backups (user_id, version, encrypted_data, nonce, salt, updated_at)
       VALUES (${user}, 1, 'AA', 'AA', 'AA', ${Date.UTC(2026, 7, 2, 18, 5)})`,
    );
  }
  for (const each of blocked)
    await sql(
      `INSERT INTO relay_blocks (user_id, blocked_id, blocked_at) VALUES (${user}, ${idOf(each)}, 1)`,
    );
};

/** Adds sessions in the app to an account, each on the device of one key. Null means no device. */
export const signedInWith = async ({ sql }, who, keys) => {
  const now = Date.now();
  const rows = keys.map((key) => {
    const bound = key === null ? "NULL" : `'${key}'`;
    return `('${randomUUID()}', ${idOf(who)}, 'ios', 'Hamrah/1.0 CFNetwork/1568', ${now}, ${now}, ${now}, ${now + DAY}, ${now + DAY}, ${bound})`;
  });
  await sql(
    `INSERT INTO sessions (id, user_id, platform, user_agent, authenticated_at, created_at, last_used_at, refresh_expires_at, expires_at, attest_key)
     VALUES ${rows.join(", ")}`,
  );
};

/**
 * Makes an account's sessions older than the ten minutes after which sensitive actions need a
 * confirmation.
 */
export const aged = async ({ sql }, who) => {
  await sql(
    `UPDATE sessions SET authenticated_at = authenticated_at - 700000 WHERE user_id = ${idOf(who)}`,
  );
};

/** Sets the country, and `amr` if it is named, of an account's sessions by platform. */
export const placed = async ({ sql }, who, platforms) => {
  for (const [platform, [country, amr]] of Object.entries(platforms)) {
    const how = amr === undefined ? "amr" : `'${amr}'`;
    await sql(
      `UPDATE sessions SET country = '${country}', amr = ${how} WHERE platform = '${platform}' AND user_id = ${idOf(who)}`,
    );
  }
};
