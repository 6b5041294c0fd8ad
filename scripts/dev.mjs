// `make dev`: migrations, development secrets, the Worker in workerd, and a request to try.
import { spawn, spawnSync } from "node:child_process";
import { devVars } from "./dev-vars.mjs";

const PORT = process.env.PORT ?? "8787";
const wrangler = ["node_modules/wrangler/bin/wrangler.js"];
const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" };

devVars();
const migrated = spawnSync("node", [...wrangler, "d1", "migrations", "apply", "DB", "--local"], { env, encoding: "utf8" });
if (migrated.status !== 0) {
  console.error(migrated.stdout, migrated.stderr);
  process.exit(1);
}

const tls = process.env.HTTPS ? ["--local-protocol", "https"] : [];
const extra = process.argv.slice(2);
const server = spawn("node", [...wrangler, "dev", "--port", PORT, "--test-scheduled", "--show-interactive-dev-session=false", ...tls, ...extra], {
  env,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill(signal));
server.on("exit", (code) => process.exit(code ?? 0));

const address = `${process.env.HTTPS ? "https" : "http"}://localhost:${PORT}`;
const ready = async () => {
  if (process.env.HTTPS) process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  for (let attempt = 0; attempt < 240; attempt += 1) {
    const answer = await fetch(`${address}/ready`).catch(() => undefined);
    if (answer?.ok) return true;
    await new Promise((resume) => setTimeout(resume, 250));
  }
  return false;
};

if (await ready()) {
  console.log(`
hamrah-api runs on ${address}; the reference is at ${address}/docs. Make a user and a pair of tokens:

  curl -s ${address}/api/internal/tokens \\
    -H 'X-Internal-Service: hamrah-app' \\
    -H "X-Internal-Key: $(sed -n "s/^INTERNAL_API_KEY='\\(.*\\)'/\\1/p" .dev.vars)" \\
    -H 'Content-Type: application/json' \\
    -d '{"provider":"google","provider_id":"1","email":"ada@example.com","name":"Ada","platform":"api"}'
`);
}
