// A Worker as a user of better-auth would write it. The instance lives as long as the isolate. An
// instance per request, as in many projects, costs more.
import { betterAuth } from "better-auth";
import { options } from "./better-auth-options.mjs";

let auth;

export default {
  fetch(request, env) {
    auth ??= betterAuth(options(env));
    return auth.handler(request);
  },
};
