// A backend with the TypeScript client, before the native server.
import { randomBytes } from "node:crypto";
import { folder, serve } from "./server.mjs";
import { sequence } from "./sequence.mjs";

sequence(async () => {
  const made = folder();
  const secret = randomBytes(32).toString("base64url");
  // What a hash costs in production is seen where that is tested.
  const vars = { BOOTSTRAP_SECRET: secret, PASSWORD_HASH_MEMORY_KIB: "256", PASSWORD_HASH_PASSES: "1" };
  const server = await serve({ cwd: made.path, vars });
  const stop = async () => {
    await server.stop();
    made.remove();
  };
  return { url: server.url, secret, stop };
});
