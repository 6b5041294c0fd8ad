// The Worker that a user of better-auth would write. One instance for the life of the isolate: making one per request, as many do, costs more.
import { betterAuth } from "better-auth";
import { options } from "./better-auth-options.mjs";

let auth;

export default {
  fetch(request, env) {
    auth ??= betterAuth(options(env));
    return auth.handler(request);
  },
};
