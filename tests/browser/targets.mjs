// Starts each of the two servers that serve the pages, in the way their users start them.
import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { clean, folder, freePort, serve } from "../native/server.mjs";
import { signingKeys } from "../workerd/miniflare.mjs";

const INTERNAL_KEY = "browser-suite-Key-4Ry8nKq2Vd7sXc9m";
const WRANGLER = resolve("node_modules/wrangler/bin/wrangler.js");

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

/**
 * Returns the file of the one local D1 that wrangler keeps in this folder. Asking it directly saves
 * starting wrangler for every statement.
 */
const databaseIn = (folder) => {
  const kept = join(folder, "v3", "d1", "miniflare-D1DatabaseObject");
  const files = readdirSync(kept).filter(
    (name) => name.endsWith(".sqlite") && name !== "metadata.sqlite",
  );
  assert.equal(files.length, 1, `one database in ${kept}: ${files}`);
  return join(kept, files[0]);
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

/** Starts the Worker in workerd with `wrangler dev` and a local D1 of its own. */
export const worker = async (more = {}) => {
  built();
  const made = folder();
  const [port, inspector] = [await freePort(), await freePort()];
  const origin = originOf(port);
  // With this file, wrangler does not read the developer's .dev.vars.
  const secrets = join(made.path, "secrets.env");
  const values = {
    INTERNAL_API_KEY: INTERNAL_KEY,
    JWT_SIGNING_KEYS: signingKeys(),
    SECRETS_KEY: randomBytes(32).toString("base64url"),
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(secrets, lines.join(""), { mode: 0o600 });
  const env = clean({
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CI: "true",
    NO_COLOR: "1",
  });
  const state = ["--persist-to", made.path];

  const migrated = spawnSync(
    "node",
    [WRANGLER, "d1", "migrations", "apply", "DB", "--local", ...state],
    { env, encoding: "utf8" },
  );
  assert.equal(migrated.status, 0, migrated.stdout + migrated.stderr);

  const ports = ["--port", String(port), "--inspector-port", String(inspector)];
  const vars = Object.entries({ ALLOWED_ORIGINS: origin, ...more }).flatMap(([name, value]) => [
    "--var",
    `${name}:${value}`,
  ]);
  const settings = ["--env-file", secrets, ...vars, "--show-interactive-dev-session=false"];
  // In its own process group, so that workerd can be ended with wrangler.
  const child = spawn("node", [WRANGLER, "dev", ...ports, ...state, ...settings], {
    env,
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  const exited = once(child, "exit");
  const stop = async () => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await exited;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // No process of the group is left.
    }
    made.remove();
  };
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${origin}/ready`).catch(() => undefined);
    if (answer?.ok) break;
    if (attempt > 600 || child.exitCode !== null) {
      await stop();
      assert.fail(`the Worker did not start: ${output}`);
    }
    await new Promise((resume) => setTimeout(resume, 100));
  }
  const sql = (text) => query(databaseIn(made.path), text);
  return { origin, stop, sql, output: () => output };
};
