// Makes better-auth's tables by its own migrations, for the options in use. Apart from its Worker, so that it does not add to its size.
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
