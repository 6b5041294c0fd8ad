// The measured rows: the requests of each row to each contestant, and the differences between both.
export const ROWS = [
  {
    id: "health",
    title: "Health",
    hamrah: "GET /health",
    other: "GET /api/auth/ok",
    differs: "Ours returns version and time, with security headers, a request id and a line in the log.",
  },
  {
    id: "forged",
    title: "Refuse a forged token",
    hamrah: "GET /api/auth/tokens/validate, an access token with another signature: 401",
    other: "GET get-session, a bearer token with another signature: 200 and `null`",
    differs: "Ours verifies Ed25519 and answers a problem document; better-auth an HMAC and four letters. Neither asks its database.",
  },
  {
    id: "expired",
    title: "Refuse an expired token",
    hamrah: "GET /api/auth/tokens/validate, an expired access token: 401",
    other: "GET get-session, the bearer token of an expired session: 200 and `null`",
    differs: "Ours holds its expiry and is refused without a query. better-auth reads the expiry from its database and deletes the session.",
  },
  {
    id: "session-cookie",
    title: "Validate a session, by cookie",
    hamrah: "GET /api/auth/sessions/validate",
    other: "GET /api/auth/get-session",
    differs: "better-auth checks the cookie's HMAC first and then reads session and account, by two statements unless `joins` is on; `cached` reads nothing for five minutes, in which a revoked session stays valid.",
  },
  {
    id: "access-token",
    title: "Validate an access token",
    hamrah: "GET /api/auth/tokens/validate, a JWT",
    other: "GET /api/auth/get-session, its bearer token",
    differs: "Ours verifies Ed25519 and then reads whether the session is live; better-auth's bearer token is its session's.",
  },
  {
    id: "me",
    title: "Read the current user",
    hamrah: "GET /api/users/me, a JWT",
    other: "GET /api/auth/get-session, its bearer token",
    differs: "better-auth has no other endpoint for it.",
  },
  {
    id: "list-sessions",
    title: "List one's five sessions",
    hamrah: "GET /api/users/me/sessions, a JWT",
    other: "GET /api/auth/list-sessions, its bearer token",
    differs: "Ours lists sign-ins with device and place; better-auth rows with their tokens in clear.",
  },
  {
    id: "create-session",
    title: "Create a session for a known account",
    hamrah: "POST /api/internal/sessions, with the internal key",
    other: "POST /api/auth/internal/sessions, an endpoint added by a plugin of the bench",
    differs: "better-auth has no such endpoint: the plugin checks a key, finds the account, makes a session with better-auth's own functions and sets the cookie. Ours also writes an event and an outbox entry for the webhook, in the same batch, and notes the sign-in at the account.",
  },
  {
    id: "refresh",
    title: "Refresh",
    hamrah: "POST /api/auth/tokens/refresh: a new pair for a single-use token",
    other: "GET /api/auth/get-session with `updateAge: 0`: extends the session",
    differs: "better-auth does not rotate: its token stays the same, and a stolen one is not noticed. Ours replaces it, signs a JWT and writes an event.",
  },
  {
    id: "sign-up-begin",
    title: "Sign up by passkey: begin",
    hamrah: "POST /api/webauthn/register/begin",
    other: "GET /api/auth/passkey/generate-register-options?context=…",
    differs: "The same: a challenge is kept.",
  },
  {
    id: "sign-up-complete",
    title: "Sign up by passkey: complete",
    hamrah: "POST /api/webauthn/register/complete",
    other: "POST /api/auth/passkey/verify-registration, `createSession: true`",
    differs: "Both verify, make account, passkey and session. Ours in one atomic batch with events and a token pair as well, and requires user verification; better-auth by single statements, since D1 has no transactions for it.",
  },
  {
    id: "sign-in-begin",
    title: "Sign in by passkey: begin",
    hamrah: "POST /api/webauthn/authenticate/begin",
    other: "GET /api/auth/passkey/generate-authenticate-options",
    differs: "The same: a challenge is kept.",
  },
  {
    id: "sign-in-complete",
    title: "Sign in by passkey: complete",
    hamrah: "POST /api/webauthn/authenticate/complete",
    other: "POST /api/auth/passkey/verify-authentication",
    differs: "Both verify, keep the counter, make a session. Ours in one atomic batch that refuses a counter gone back, with a token pair and events; it requires user verification.",
  },
];

/** The names of the lanes in the tables. */
export const LANES = {
  hamrah: "hamrah-api",
  "better-auth": "better-auth",
  "better-auth-joins": "better-auth, joins on",
  "better-auth-cached": "better-auth, cookie cache on",
  "hamrah-health": "hamrah-api's health",
  "one-query": "one D1 query",
  empty: "empty Worker",
  "same-answer": "the same answer in JavaScript",
  "one-signature": "one signature in JavaScript",
  before: "hamrah-api before",
  "bare-query": "axum and sqlx, one query",
  "bare-empty": "axum, `{}`",
};

/**
 * Returns the lanes of a row among the servers that were started for `users` accounts. Floors are
 * measured once, with the first number of accounts.
 */
export const lanesOf = (row, { hamrah, before, betterAuth, empty }, withFloors) => {
  const lanes = { hamrah: hamrah.lanes[row], "better-auth": betterAuth.lanes[row] };
  if (before?.lanes[row]) lanes.before = before.lanes[row];
  if (betterAuth.cached[row]) lanes["better-auth-cached"] = betterAuth.cached[row];
  if (betterAuth.joins[row]) lanes["better-auth-joins"] = betterAuth.joins[row];
  if (!withFloors) return lanes;
  if (row === "session-cookie" || row === "access-token") lanes["one-query"] = hamrah.oneQuery;
  if (row === "forged" || row === "expired") lanes["hamrah-health"] = hamrah.lanes.health;
  if (row === "forged") lanes["one-signature"] = empty.lanes["one-signature"];
  if (row === "health") Object.assign(lanes, { empty: empty.lane, "same-answer": empty.lanes["same-answer"] });
  return lanes;
};

/**
 * Returns the lanes of a row at the native server and, if the row has a floor, at bare axum and
 * sqlx. A lane without accounts is measured once.
 */
export const nativeLanesOf = (row, { lanes, query, empty }, isFirst) => {
  if (row === "health" && isFirst) return { hamrah: lanes[row], "bare-empty": empty };
  if (row === "session-cookie" || row === "access-token" || row === "me") return { hamrah: lanes[row], "bare-query": query };
  return { hamrah: lanes[row] };
};
