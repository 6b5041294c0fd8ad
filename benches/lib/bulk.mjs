// Inserts rows for many accounts at once, without the API: one JSON text per statement, which
// SQLite splits into rows.
import { randomBytes, randomUUID } from "node:crypto";

const ACCOUNTS_A_TIME = 1000;
const DAY = 86_400_000;

export const token = (bytes = 32) => randomBytes(bytes).toString("base64url");
export const uuid = () => randomUUID();

export const USER_AGENTS = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
];

/**
 * Returns the `index`-th account, which both databases contain, with its live sessions. Every
 * account has one session, every third a second one, and every tenth two more: 1.5 on average.
 */
export const accountAt = (index, now) => {
  const createdAt = now - ((index * 7919) % 700) * DAY - (index % 86_400) * 1000;
  const count = 1 + (index % 3 === 0 ? 1 : 0) + (index % 10 === 0 ? 2 : 0);
  const signIns = Array.from({ length: count }, (_, nth) => {
    const began = Math.max(createdAt, now - ((index + nth * 5) % 14) * DAY - nth * 3_600_000);
    return { began, ends: began + 30 * DAY, userAgent: USER_AGENTS[(index + nth) % USER_AGENTS.length] };
  });
  return { email: `person-${index}@bulk.example`, name: `Person ${index}`, createdAt, signIns };
};

/** Returns a statement that inserts rows, which are arrays in the order of the columns. */
export const insert = (table, columns, rows) => {
  const values = columns.map((_, at) => `json_extract(value, '$[${at}]')`).join(", ");
  const names = columns.map((name) => `"${name}"`).join(", ");
  return { text: `INSERT INTO "${table}" (${names}) SELECT ${values} FROM json_each(?1)`, params: [JSON.stringify(rows)] };
};

/**
 * Writes the accounts `from` to `to - 1`. `statementsFor(accounts)` returns their statements, and
 * `sql(statements)` runs them.
 */
export const seedInBulk = async (sql, from, to, statementsFor) => {
  const now = Date.now();
  for (let first = from; first < to; first += ACCOUNTS_A_TIME) {
    const last = Math.min(to, first + ACCOUNTS_A_TIME);
    const accounts = Array.from({ length: last - first }, (_, at) => accountAt(first + at, now));
    await sql(statementsFor(accounts));
  }
};
