// Runs the Worker for `make dev`: generates development secrets, applies the migrations, starts
// workerd, and prints a request to try.
//
// PORT replaces 8787. HTTPS=1 serves https with wrangler's own certificate. Arguments are passed to
// `wrangler dev` (LOCAL_HTTPS_SETUP.md).
import { spawn, spawnSync } from "node:child_process";
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { readFileSync } from "node:fs";
import { devVars } from "./dev-vars.mjs";

const PORT = process.env.PORT ?? "8787";
const https = Boolean(process.env.HTTPS);
const address = `${https ? "https" : "http"}://localhost:${PORT}`;
const wrangler = ["node_modules/wrangler/bin/wrangler.js"];
const env = {
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  CI: "true",
};

devVars();
const migrated = spawnSync("node", [...wrangler, "d1", "migrations", "apply", "DB", "--local"], {
  env,
  encoding: "utf8",
});
if (migrated.status !== 0) {
  console.error(migrated.stdout, migrated.stderr);
  process.exit(1);
}

// In development, pages of http://localhost may call the API on any port. A page over https needs to
// be allowed.
const named = /^ALLOWED_ORIGINS=/m.test(readFileSync(".dev.vars", "utf8"));
const own = named || !https ? [] : ["--var", `ALLOWED_ORIGINS:${address}`];
/**
 * Returns the status of /ready, or undefined while no server listens. The certificate is not
 * checked: it is our own, on loopback.
 */
const status = () =>
  new Promise((resolve) => {
    const get = https ? getHttps : getHttp;
    get(`${address}/ready`, { rejectUnauthorized: false }, (answer) =>
      resolve(answer.resume().statusCode),
    ).on("error", () => resolve());
  });

if ((await status()) !== undefined) {
  console.error(
    `Another server answers at ${address}. Stop it, or use another port: PORT=8788 make dev`,
  );
  process.exit(1);
}
const flags = [
  "--port",
  PORT,
  "--test-scheduled",
  "--show-interactive-dev-session=false",
  ...(https ? ["--local-protocol", "https"] : []),
  ...own,
];
const server = spawn("node", [...wrangler, "dev", ...flags, ...process.argv.slice(2)], {
  env,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  // wrangler's module ends this process at once, which would leave the server running.
  process.removeAllListeners(signal);
  process.on(signal, () => server.kill(signal));
}
let failed = false;
server.on("exit", (code) => process.exit(failed ? 1 : (code ?? 0)));

const MOST_ATTEMPTS = 240;
/** So often in a row the Worker may answer that it is not ready. With a wrong setting it stays so. */
const MOST_REFUSALS = 8;
let refusals = 0;
for (let attempt = 0; ; attempt += 1) {
  const answered = await status();
  if (answered === 200) break;
  refusals = answered === 503 ? refusals + 1 : 0;
  if (attempt === MOST_ATTEMPTS || refusals === MOST_REFUSALS) {
    console.error("The Worker did not start. Its output above names the problem.");
    failed = true;
    server.kill("SIGTERM");
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 250));
}
if (!failed)
  console.log(`
hamrah-api runs on ${address}. Sign up with a passkey at ${address}/account. Administer the authorization service at
${address}/admin. The reference is at ${address}/docs.
Create a user and a token pair:

  curl -sS${https ? "k" : ""} ${address}/api/internal/tokens \\
    -H 'X-Internal-Service: hamrah-app' \\
    -H "X-Internal-Key: $(sed -n "s/^INTERNAL_API_KEY='\\(.*\\)'/\\1/p" .dev.vars)" \\
    -H 'Content-Type: application/json' \\
    -d '{"provider":"google","provider_id":"1","email":"ada@example.com","name":"Ada","platform":"api"}'
`);
