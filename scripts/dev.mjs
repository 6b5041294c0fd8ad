// `make dev`: migrations, development secrets, the Worker in workerd, and a request to try.
//
// PORT is another port than 8787. HTTPS=1 serves https with wrangler's own certificate; arguments go to `wrangler dev` (LOCAL_HTTPS_SETUP.md).
import { spawn, spawnSync } from "node:child_process";
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { readFileSync } from "node:fs";
import { devVars } from "./dev-vars.mjs";

const PORT = process.env.PORT ?? "8787";
const https = Boolean(process.env.HTTPS);
const address = `${https ? "https" : "http"}://localhost:${PORT}`;
const wrangler = ["node_modules/wrangler/bin/wrangler.js"];
const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", CI: "true" };

devVars();
const migrated = spawnSync("node", [...wrangler, "d1", "migrations", "apply", "DB", "--local"], { env, encoding: "utf8" });
if (migrated.status !== 0) {
  console.error(migrated.stdout, migrated.stderr);
  process.exit(1);
}

// On another port than usual the page's own origin is none of the default ones.
const usual = ["3000", "5173", "8080", "8787"];
const origins = [...new Set([...usual, PORT])].map((port) => `http://localhost:${port}`).concat(https ? [address] : []);
const named = /^ALLOWED_ORIGINS=/m.test(readFileSync(".dev.vars", "utf8"));
const own = named || (usual.includes(PORT) && !https) ? [] : ["--var", `ALLOWED_ORIGINS:${origins.join(",")}`];
/** The status of /ready, or nothing while nobody listens. The certificate is our own and this is loopback. */
const status = () =>
  new Promise((resolve) => {
    const get = https ? getHttps : getHttp;
    get(`${address}/ready`, { rejectUnauthorized: false }, (answer) => resolve(answer.resume().statusCode)).on("error", () => resolve());
  });

if ((await status()) !== undefined) {
  console.error(`Something answers at ${address} already. On another port: PORT=8788 make dev`);
  process.exit(1);
}
const flags = ["--port", PORT, "--test-scheduled", "--show-interactive-dev-session=false", ...(https ? ["--local-protocol", "https"] : []), ...own];
const server = spawn("node", [...wrangler, "dev", ...flags, ...process.argv.slice(2)], { env, stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill(signal));
server.on("exit", (code) => process.exit(code ?? 0));

for (let attempt = 0; (await status()) !== 200; attempt += 1) {
  if (attempt === 240) {
    console.error("The Worker does not get ready; its output above says why.");
    server.kill("SIGTERM");
    process.exit(1);
  }
  await new Promise((resume) => setTimeout(resume, 250));
}
console.log(`
hamrah-api runs on ${address}. Sign up with a passkey at ${address}/account; the authorization service is administered at
${address}/admin, the reference is at ${address}/docs.
Make a user and a pair of tokens:

  curl -sS${https ? "k" : ""} ${address}/api/internal/tokens \\
    -H 'X-Internal-Service: hamrah-app' \\
    -H "X-Internal-Key: $(sed -n "s/^INTERNAL_API_KEY='\\(.*\\)'/\\1/p" .dev.vars)" \\
    -H 'Content-Type: application/json' \\
    -d '{"provider":"google","provider_id":"1","email":"ada@example.com","name":"Ada","platform":"api"}'
`);
