// Creates better-auth's tables with its own migrations, for the options in use. This is a Worker of
// its own, so that the migrations add nothing to the size of better-auth's Worker.
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
