// `make deploy ENV=preview|production`, after the release build: checks, migrations, the code, and whether it is ready.
// `--dry-run` uploads nothing.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const SECRETS = ["INTERNAL_API_KEY", "JWT_SIGNING_KEYS", "SECRETS_KEY"];
/** Needed only where WEBHOOK_URL is set. */
const WEBHOOK_SECRETS = "WEBHOOK_SECRETS";
const ENVIRONMENTS = ["preview", "production"];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const [environment, ...flags] = process.argv.slice(2);
const dryRun = flags.includes("--dry-run");

const fail = (problem) => {
  console.error(problem);
  process.exit(1);
};

/** The sections of wrangler.toml with their `name = "text"` lines: all that is needed of it here. */
const sections = () => {
  const found = {};
  let current = (found[""] = {});
  for (const line of readFileSync("wrangler.toml", "utf8").split("\n")) {
    const section = /^\s*\[+([\w.]+)\]+/.exec(line);
    if (section) current = found[section[1]] ??= {};
    const setting = /^\s*(\w+)\s*=\s*["'](.*)["']/.exec(line);
    if (setting) current[setting[1]] = setting[2];
  }
  return found;
};

const wrangler = (args, options = {}) =>
  spawnSync("node", ["node_modules/wrangler/bin/wrangler.js", ...args, "--env", environment], {
    stdio: "inherit",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
    ...options,
  });

if (!ENVIRONMENTS.includes(environment)) fail("Which environment? make deploy ENV=preview or ENV=production");
if (!existsSync("build/profile") || readFileSync("build/profile", "utf8") !== "--release") fail("build/ holds no release build: make build");

const config = sections();
const vars = config[`env.${environment}.vars`] ?? {};
const inTheOpen = [...SECRETS, WEBHOOK_SECRETS, "PASSWORD_PEPPER", "BOOTSTRAP_SECRET"].filter((name) => Object.values(config).some((section) => name in section));
if (inTheOpen.length > 0) fail(`wrangler.toml holds secrets: ${inTheOpen.join(", ")}. They do not belong there.`);

if (dryRun) {
  process.exit(wrangler(["deploy", "--dry-run", "--outdir", ".wrangler/dry-run"]).status ?? 1);
}

const databases = Object.fromEntries(ENVIRONMENTS.map((name) => [name, config[`env.${name}.d1_databases`]?.database_id]));
if (!UUID.test(databases[environment] ?? "")) {
  fail(`wrangler.toml has no database for ${environment}: npx wrangler d1 create hamrah-${environment}, and put its id there.`);
}
if (databases.preview === databases.production) fail("preview and production have the same database in wrangler.toml.");
const unset = Object.keys(vars).filter((name) => vars[name].includes(".example"));
if (unset.length > 0) fail(`wrangler.toml has placeholders for ${environment}: ${unset.join(", ")}.`);

const listed = wrangler(["secret", "list"], { stdio: ["inherit", "pipe", "inherit"], encoding: "utf8" });
if (listed.status !== 0) fail("The secrets cannot be listed: is wrangler logged in (npx wrangler login)?");
const needed = "WEBHOOK_URL" in vars ? [...SECRETS, WEBHOOK_SECRETS] : SECRETS;
const missing = needed.filter((name) => !JSON.parse(listed.stdout).some((secret) => secret.name === name));
if (missing.length > 0) fail(`Missing secrets: ${missing.join(", ")}. Set each with: npx wrangler secret put NAME --env ${environment}`);

// Before the code: a migration only ever adds what the running code does not know.
if (wrangler(["d1", "migrations", "apply", "DB", "--remote"]).status !== 0) fail("The migrations failed; nothing was deployed.");
if (wrangler(["deploy"]).status !== 0) fail("The deployment failed; the migrations are applied.");

// Secrets are seen by name only until here: a weak one makes every answer a 503.
const ready = `${vars.JWT_ISSUER}/ready`;
const answer = await fetch(ready).catch((error) => ({ ok: false, status: String(error) }));
if (!answer.ok) fail(`${ready} answers ${answer.status}: npx wrangler tail --env ${environment} says why.`);
console.log(`${ready} answers 200.`);
