// What a test cannot do at the page, put into the database beside the server: rows of the app on a real device, and time that passes.
import { randomBytes, randomUUID } from "node:crypto";

const DAY = 86_400_000;
const whose = (who) => `(SELECT id FROM users WHERE email = '${who.email}')`;

/** Somebody's devices: `created` and `used` are moments, `revoked` says whether it was. Gives their keys' ids. */
export const registered = async ({ sql }, who, devices) => {
  const ids = devices.map(() => randomBytes(32).toString("base64url"));
  const rows = devices.map(
    ({ created = Date.now(), used = null, revoked = false }, n) =>
      `('${ids[n]}', ${whose(who)}, 'BA', 'TEAM123456.app.hamrah.ios', 'production', 12, 'MA', ${created}, ${used}, ${revoked ? Date.now() : null})`,
  );
  await sql(
    `INSERT INTO attest_keys (id, user_id, public_key, app_id, environment, counter, receipt, created_at, last_used_at, revoked_at)
     VALUES ${rows.join(", ")}`,
  );
  return ids;
};

/** When each of these keys was revoked, if it was. */
export const revocations = async ({ sql }, ids) => {
  const rows = await sql(`SELECT id, revoked_at FROM attest_keys WHERE id IN ('${ids.join("', '")}')`);
  return ids.map((id) => rows.find((row) => row.id === id)?.revoked_at);
};

/** Sign-ins of somebody's in the app, each on the device of one key; null is none. */
export const signedInWith = async ({ sql }, who, keys) => {
  const now = Date.now();
  const rows = keys.map((key) => {
    const bound = key === null ? "NULL" : `'${key}'`;
    return `('${randomUUID()}', ${whose(who)}, 'ios', 'Hamrah/1.0 CFNetwork/1568', ${now}, ${now}, ${now}, ${now + DAY}, ${now + DAY}, ${bound})`;
  });
  await sql(
    `INSERT INTO sessions (id, user_id, platform, user_agent, authenticated_at, created_at, last_used_at, refresh_expires_at, expires_at, attest_key)
     VALUES ${rows.join(", ")}`,
  );
};

/** Makes every sign-in of somebody's older than the ten minutes for which it is good for what cannot be undone. */
export const aged = async ({ sql }, who) => {
  await sql(`UPDATE sessions SET authenticated_at = authenticated_at - 700000 WHERE user_id = ${whose(who)}`);
};

/** From which country each sign-in of somebody's was made and, if it is named, how: by platform. */
export const placed = async ({ sql }, who, platforms) => {
  for (const [platform, [country, amr]] of Object.entries(platforms)) {
    const how = amr === undefined ? "amr" : `'${amr}'`;
    await sql(`UPDATE sessions SET country = '${country}', amr = ${how} WHERE platform = '${platform}' AND user_id = ${whose(who)}`);
  }
};
