// Creates better-auth's tables with its own migrations, for the options in use. Separate from its
// Worker, so that it adds nothing to the Worker's size.
import { getMigrations } from "better-auth/db/migration";
import { options } from "./better-auth-options.mjs";

export default {
  async fetch(_request, env) {
    const { runMigrations, compileMigrations } = await getMigrations(options(env));
    const sql = await compileMigrations();
    await runMigrations();
    return new Response(sql);
  },
};
