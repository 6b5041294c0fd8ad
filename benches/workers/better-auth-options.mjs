// better-auth as its documentation sets it up on D1 (`database: env.DB`), with the plugins that
// have a counterpart in hamrah-api.
import { createAuthEndpoint } from "better-auth/api";
import { setSessionCookie } from "better-auth/cookies";
import { bearer } from "better-auth/plugins/bearer";
import { passkey } from "@better-auth/passkey";

/**
 * Returns a plugin that signs an account in for another service, like hamrah-api's internal
 * endpoint.
 */
const internal = (key) => ({
  id: "bench-internal",
  endpoints: {
    createSession: createAuthEndpoint("/internal/sessions", { method: "POST" }, async (ctx) => {
      if (!key || ctx.headers?.get("x-internal-key") !== key) throw ctx.error("UNAUTHORIZED");
      const { user_id: userId } = ctx.body;
      const user = await ctx.context.internalAdapter.findUserById(userId);
      if (!user) throw ctx.error("NOT_FOUND");
      const session = await ctx.context.internalAdapter.createSession(userId);
      await setSessionCookie(ctx, { session, user });
      return ctx.json({ token: session.token, session, user });
    }),
  },
});

/**
 * The options for the sign-up by passkey of a user who has no account. The account is created after
 * the ceremony has been verified.
 */
const newcomers = {
  requireSession: false,
  resolveUser: ({ context }) => {
    const { email, name } = JSON.parse(context);
    return { id: email, name: email, displayName: name };
  },
  afterVerification: async ({ ctx, context }) => {
    const { email, name } = JSON.parse(context);
    const user = await ctx.context.internalAdapter.createUser({ email, name, emailVerified: false });
    return { userId: user.id };
  },
};

export const options = (env) => ({
  database: env.DB,
  secret: env.SECRET,
  baseURL: env.ORIGIN,
  trustedOrigins: [env.ORIGIN],
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  session: {
    cookieCache: { enabled: env.COOKIE_CACHE === "on", maxAge: 300 },
    ...(env.UPDATE_AGE === undefined ? {} : { updateAge: Number(env.UPDATE_AGE) }),
  },
  ...(env.JOINS === "on" ? { advanced: { database: { joins: true } } } : {}),
  plugins: [
    bearer(),
    passkey({ rpID: new URL(env.ORIGIN).hostname, rpName: "Bench", origin: env.ORIGIN, registration: newcomers }),
    internal(env.INTERNAL_KEY),
  ],
});
