// `make deploy ENV=preview|production`, after the release build: checks, migrations, the code, and
// whether it is ready. `--dry-run` uploads nothing.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { parse } from "smol-toml";

const SECRETS = ["INTERNAL_API_KEY", "JWT_SIGNING_KEYS", "SECRETS_KEY"];
/** Needed only where WEBHOOK_URL is set. */
const WEBHOOK_SECRETS = "WEBHOOK_SECRETS";
const NEVER_IN_THE_FILE = [...SECRETS, WEBHOOK_SECRETS, "PASSWORD_PEPPER", "BOOTSTRAP_SECRET"];
const ENVIRONMENTS = ["preview", "production"];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const [environment, ...flags] = process.argv.slice(2);
const dryRun = flags.includes("--dry-run");

const fail = (problem) => {
  console.error(problem);
  process.exit(1);
};

/**
 * Returns the path of every setting, those in nested tables and lists included: `["env", "preview",
 * "vars", "RP_ID"]`.
 */
const pathsOf = (value, path = []) =>
  typeof value === "object" && value !== null && Object.keys(value).length > 0
    ? Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...path, name]))
    : [path];

const wrangler = (args, options = {}) =>
  spawnSync("node", ["node_modules/wrangler/bin/wrangler.js", ...args, "--env", environment], {
    stdio: "inherit",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
    ...options,
  });

if (!ENVIRONMENTS.includes(environment))
  fail("Which environment? make deploy ENV=preview or ENV=production");
if (!existsSync("build/profile") || readFileSync("build/profile", "utf8") !== "--release")
  fail("build/ contains no release build. Run make build.");

const config = parse(readFileSync("wrangler.toml", "utf8"));
const { vars = {} } = config.env?.[environment] ?? {};
const exposed = pathsOf(config).filter((path) =>
  path.some((name) => NEVER_IN_THE_FILE.includes(name)),
);
if (exposed.length > 0) {
  const paths = exposed.map((path) => path.join(".")).join(", ");
  fail(
    `wrangler.toml holds secrets: ${paths}. Remove them, and set each with: npx wrangler secret put NAME --env ${environment}`,
  );
}

if (dryRun) {
  process.exit(wrangler(["deploy", "--dry-run", "--outdir", ".wrangler/dry-run"]).status ?? 1);
}

const databaseOf = (name) =>
  config.env?.[name]?.d1_databases?.find(({ binding }) => binding === "DB")?.database_id;
const databases = Object.fromEntries(ENVIRONMENTS.map((name) => [name, databaseOf(name)]));
if (!UUID.test(databases[environment] ?? "")) {
  fail(
    `wrangler.toml has no database for ${environment}: npx wrangler d1 create hamrah-${environment}, and put its id there.`,
  );
}
if (databases.preview === databases.production)
  fail("preview and production have the same database in wrangler.toml.");
const unset = Object.keys(vars).filter((name) => String(vars[name]).includes(".example"));
if (unset.length > 0)
  fail(`wrangler.toml has placeholders for ${environment}: ${unset.join(", ")}.`);

const listed = wrangler(["secret", "list"], {
  stdio: ["inherit", "pipe", "inherit"],
  encoding: "utf8",
});
if (listed.status !== 0)
  fail("The secrets cannot be listed: is wrangler logged in (npx wrangler login)?");
const needed = "WEBHOOK_URL" in vars ? [...SECRETS, WEBHOOK_SECRETS] : SECRETS;
const missing = needed.filter(
  (name) => !JSON.parse(listed.stdout).some((secret) => secret.name === name),
);
if (missing.length > 0)
  fail(
    `Missing secrets: ${missing.join(", ")}. Set each with: npx wrangler secret put NAME --env ${environment}`,
  );

// Migrations run first, because the running code also works on the new schema.
if (wrangler(["d1", "migrations", "apply", "DB", "--remote"]).status !== 0)
  fail("The migrations failed; nothing was deployed.");
if (wrangler(["deploy"]).status !== 0) fail("The deployment failed; the migrations are applied.");

// Secrets are seen by name only until here: a weak one makes every answer a 503.
const ready = `${vars.JWT_ISSUER}/ready`;
const answer = await fetch(ready).catch((error) => ({ ok: false, status: String(error) }));
if (!answer.ok)
  fail(`${ready} answers ${answer.status}: npx wrangler tail --env ${environment} says why.`);
console.log(`${ready} answers 200.`);
