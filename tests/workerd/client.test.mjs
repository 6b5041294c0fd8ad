// A backend with the TypeScript client, before the Worker.
import { sequence } from "../native/sequence.mjs";
import { startApi } from "./miniflare.mjs";

sequence(async () => {
  const api = await startApi();
  return { url: api.url, secret: api.settings.BOOTSTRAP_SECRET, stop: api.stop };
});
