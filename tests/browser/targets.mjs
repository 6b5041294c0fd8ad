// The two servers that the pages come from, started as their users start them.
import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { clean, folder, freePort, serve } from "../native/server.mjs";
import { signingKeys } from "../workerd/miniflare.mjs";

const INTERNAL_KEY = "browser-suite-Key-4Ry8nKq2Vd7sXc9m";
const WRANGLER = resolve("node_modules/wrangler/bin/wrangler.js");

/** Where Node has no SQLite of its own, which it has from 22.5 on. */
const SQLITE = `
import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=10)
database.row_factory = sqlite3.Row
database.execute("PRAGMA foreign_keys = ON")
with database:
    print(json.dumps([dict(row) for row in database.execute(sys.argv[2])]))
`;

const execute = promisify(execFile);

const originOf = (port) => `http://localhost:${port}`;

const built = () => assert.ok(existsSync("dist/account.html"), "no page is built: node scripts/build-pages.mjs");

// Both take settings besides their own, and give `origin`; `sql(text)`, which asks the database beside the server, one statement, and gives
// its rows; `output()`; `stop()`.

/** The native binary, over SQLite in a file. */
export const native = async (more = {}) => {
  built();
  const made = folder();
  const port = await freePort();
  const origin = originOf(port);
  const vars = { ENVIRONMENT: "development", ALLOWED_ORIGINS: origin, PAGES_DIR: resolve("dist"), ...more };
  const server = await serve({ cwd: made.path, port, vars });
  const stop = async () => {
    await server.stop();
    made.remove();
  };
  const database = join(made.path, "hamrah.db");
  const sql = async (text) => {
    const own = await import("node:sqlite").catch(() => undefined);
    if (!own) return JSON.parse((await execute("python3", ["-c", SQLITE, database, text], { env: clean() })).stdout);
    const opened = new own.DatabaseSync(database, { timeout: 10_000 });
    try {
      return opened.prepare(text).all();
    } finally {
      opened.close();
    }
  };
  return { origin, stop, sql, output: server.output };
};

/** The Worker in workerd, by `wrangler dev`, over a local D1 of its own. */
export const worker = async (more = {}) => {
  built();
  const made = folder();
  const [port, inspector] = [await freePort(), await freePort()];
  const origin = originOf(port);
  // With a file of its own, wrangler leaves the developer's .dev.vars alone.
  const secrets = join(made.path, "secrets.env");
  const values = { INTERNAL_API_KEY: INTERNAL_KEY, JWT_SIGNING_KEYS: signingKeys(), SECRETS_KEY: randomBytes(32).toString("base64url") };
  const lines = Object.entries(values).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(secrets, lines.join(""), { mode: 0o600 });
  const env = clean({ WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", CI: "true", NO_COLOR: "1" });
  const state = ["--persist-to", made.path];

  const migrated = spawnSync("node", [WRANGLER, "d1", "migrations", "apply", "DB", "--local", ...state], { env, encoding: "utf8" });
  assert.equal(migrated.status, 0, migrated.stdout + migrated.stderr);

  const ports = ["--port", String(port), "--inspector-port", String(inspector)];
  const vars = Object.entries({ ALLOWED_ORIGINS: origin, ...more }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const settings = ["--env-file", secrets, ...vars, "--show-interactive-dev-session=false"];
  // In a group of its own: workerd must not outlive wrangler.
  const child = spawn("node", [WRANGLER, "dev", ...ports, ...state, ...settings], { env, detached: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const exited = once(child, "exit");
  const stop = async () => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await exited;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // Nobody of the group is left.
    }
    made.remove();
  };
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${origin}/ready`).catch(() => undefined);
    if (answer?.ok) break;
    if (attempt > 600 || child.exitCode !== null) {
      await stop();
      assert.fail(`the Worker does not get ready: ${output}`);
    }
    await new Promise((resume) => setTimeout(resume, 100));
  }
  const sql = async (text) => {
    const { stdout } = await execute("node", [WRANGLER, "d1", "execute", "DB", "--local", ...state, "--json", "--command", text], { env });
    return JSON.parse(stdout)[0].results;
  };
  return { origin, stop, sql, output: () => output };
};
