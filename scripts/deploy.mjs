// `make deploy ENV=preview|production`, after the release build: checks, migrations, then the code. `--dry-run` uploads nothing.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const SECRETS = ["INTERNAL_API_KEY", "JWT_SIGNING_KEYS"];
const [environment, ...flags] = process.argv.slice(2);
const dryRun = flags.includes("--dry-run");

const fail = (problem) => {
  console.error(problem);
  process.exit(1);
};

const wrangler = (args, options = {}) =>
  spawnSync("node", ["node_modules/wrangler/bin/wrangler.js", ...args, "--env", environment], {
    stdio: "inherit",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
    ...options,
  });

if (!["preview", "production"].includes(environment)) fail("Which environment? make deploy ENV=preview or ENV=production");
if (readFileSync("build/profile", "utf8") !== "--release") fail("build/ holds a development build: make build");

if (dryRun) {
  process.exit(wrangler(["deploy", "--dry-run", "--outdir", ".wrangler/dry-run"]).status ?? 1);
}

if (readFileSync("wrangler.toml", "utf8").includes(`"set-me-${environment}"`)) {
  fail(`wrangler.toml has no database for ${environment}: wrangler d1 create hamrah-${environment}, and put its id there.`);
}
const listed = wrangler(["secret", "list"], { stdio: ["inherit", "pipe", "inherit"], encoding: "utf8" });
if (listed.status !== 0) fail("The secrets cannot be listed: is wrangler logged in (wrangler login)?");
const missing = SECRETS.filter((name) => !JSON.parse(listed.stdout).some((secret) => secret.name === name));
if (missing.length > 0) fail(`Missing secrets: ${missing.join(", ")}. Set each with: npx wrangler secret put NAME --env ${environment}`);

// Before the code: a migration only ever adds what the running code does not know.
if (wrangler(["d1", "migrations", "apply", "DB", "--remote"]).status !== 0) fail("The migrations failed; nothing was deployed.");
process.exit(wrangler(["deploy"]).status ?? 1);
