// Starts each of the two servers that serve the pages.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { clean, folder, freePort, serve } from "../native/server.mjs";
import { startApi } from "../workerd/miniflare.mjs";

/** Runs a statement with Python, for versions of Node before 22.5, which have no SQLite. */
const SQLITE = `
import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=10)
database.row_factory = sqlite3.Row
database.execute("PRAGMA foreign_keys = ON")
with database:
    print(json.dumps([dict(row) for row in database.execute(sys.argv[2])]))
`;

const execute = promisify(execFile);

/**
 * Runs one statement on the database in a file, beside the server that has it open, and returns its
 * rows.
 */
const query = async (database, text) => {
  const own = await import("node:sqlite").catch(() => undefined);
  if (!own)
    return JSON.parse(
      (await execute("python3", ["-c", SQLITE, database, text], { env: clean() })).stdout,
    );
  const opened = new own.DatabaseSync(database, { timeout: 10_000 });
  try {
    return opened.prepare(text).all();
  } finally {
    opened.close();
  }
};

const originOf = (port) => `http://localhost:${port}`;

const built = () =>
  assert.ok(existsSync("dist/account.html"), "no page is built: node scripts/build-pages.mjs");

// Both take settings in addition to their own and return `origin`; `sql(text)`, which runs one
// statement on the server's database and returns its rows; `output()`; `stop()`.

/** Starts the native binary with SQLite in a file. */
export const native = async (more = {}) => {
  built();
  const made = folder();
  const port = await freePort();
  const origin = originOf(port);
  const vars = {
    ENVIRONMENT: "development",
    ALLOWED_ORIGINS: origin,
    PAGES_DIR: resolve("dist"),
    ...more,
  };
  const server = await serve({ cwd: made.path, port, vars });
  const stop = async () => {
    await server.stop();
    made.remove();
  };
  const sql = (text) => query(join(made.path, "hamrah.db"), text);
  return { origin, stop, sql, output: server.output };
};

/**
 * Starts the Worker in workerd with the static assets and a local D1 of its own. The proxy of
 * `wrangler dev` is not used: if its connection to the Worker closes just when it forwards a GET,
 * that request waits until the next one comes.
 */
export const worker = async (more = {}) => {
  built();
  const port = await freePort();
  const origin = originOf(port);
  const vars = { ALLOWED_ORIGINS: origin, ...more };
  const api = await startApi({ port, assets: resolve("dist"), vars });
  return { origin, stop: api.stop, sql: api.sql, output: () => api.logs.join("") };
};
