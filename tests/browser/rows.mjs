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
