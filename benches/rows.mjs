// The measured rows: the requests of each row to each contestant, and how the two requests differ.
// The rows of the relay (`isRelay`) have the naive relay of examples/bare.rs as the other one, which
// runs natively. better-auth has nothing like them.
export const ROWS = [
  {
    id: "health",
    title: "Health",
    hamrah: "GET /health",
    other: "GET /api/auth/ok",
    differs:
      "Ours returns the version and the time, with security headers and a request id, and logs " +
      "a line.",
  },
  {
    id: "forged",
    title: "Refuse a forged token",
    hamrah: "GET /api/auth/tokens/validate, an access token with another signature: 401",
    other: "GET get-session, a bearer token with another signature: 200 and `null`",
    differs:
      "Ours verifies an Ed25519 signature and answers with a problem document. better-auth " +
      "verifies an HMAC and answers `null`. Neither queries its database.",
  },
  {
    id: "expired",
    title: "Refuse an expired token",
    hamrah: "GET /api/auth/tokens/validate, an expired access token: 401",
    other: "GET get-session, the bearer token of an expired session: 200 and `null`",
    differs:
      "Our token contains its expiry, so the API refuses it without a query. better-auth reads " +
      "the expiry from its database and deletes the session.",
  },
  {
    id: "session-cookie",
    title: "Validate a session, by cookie",
    hamrah: "GET /api/auth/sessions/validate",
    other: "GET /api/auth/get-session",
    differs:
      "better-auth checks the cookie's HMAC first and then reads the session and the account, " +
      "in two statements unless `joins` is on. `cached` reads nothing for five minutes, during " +
      "which a revoked session stays valid.",
  },
  {
    id: "access-token",
    title: "Validate an access token",
    hamrah: "GET /api/auth/tokens/validate, with a JWT",
    other: "GET /api/auth/get-session, with its bearer token",
    differs:
      "Ours verifies a token's Ed25519 signature once per isolate, and reads for each request " +
      "whether the session is live. The bearer token of better-auth is its session token.",
  },
  {
    id: "me",
    title: "Read the current user",
    hamrah: "GET /api/users/me, with a JWT",
    other: "GET /api/auth/get-session, with its bearer token",
    differs: "better-auth has no other endpoint for this.",
  },
  {
    id: "list-sessions",
    title: "List the caller's five sessions",
    hamrah: "GET /api/users/me/sessions, with a JWT",
    other: "GET /api/auth/list-sessions, with its bearer token",
    differs:
      "Ours lists sign-ins with their device and place. better-auth lists rows with their " +
      "tokens in plain text.",
  },
  {
    id: "create-session",
    title: "Create a session for a known account",
    hamrah: "POST /api/internal/sessions, with the internal key",
    other: "POST /api/auth/internal/sessions, an endpoint added by a plugin of the benchmark",
    differs:
      "better-auth has no such endpoint, so the plugin checks a key, finds the account, creates " +
      "a session with better-auth's own functions and sets the cookie. Ours also writes an event " +
      "and an outbox entry for the webhook, and records the sign-in in the account, all in one " +
      "batch.",
  },
  {
    id: "refresh",
    title: "Refresh",
    hamrah: "POST /api/auth/tokens/refresh: a new pair for a single-use token",
    other: "GET /api/auth/get-session with `updateAge: 0`: extends the session",
    differs:
      "better-auth does not rotate its token, so a stolen token is not noticed. Ours replaces " +
      "the refresh token, signs a JWT and writes an event.",
  },
  {
    id: "sign-up-begin",
    title: "Sign up by passkey: begin",
    hamrah: "POST /api/webauthn/register/begin",
    other: "GET /api/auth/passkey/generate-register-options?context=…",
    differs: "Nothing. Both store a challenge.",
  },
  {
    id: "sign-up-complete",
    title: "Sign up by passkey: complete",
    hamrah: "POST /api/webauthn/register/complete",
    other: "POST /api/auth/passkey/verify-registration, `createSession: true`",
    differs:
      "Both verify the response and create an account, a passkey and a session. Ours does so in " +
      "one atomic batch, with events and a token pair, and requires user verification. " +
      "better-auth uses single statements, because it has no transactions on D1.",
  },
  {
    id: "sign-in-begin",
    title: "Sign in by passkey: begin",
    hamrah: "POST /api/webauthn/authenticate/begin",
    other: "GET /api/auth/passkey/generate-authenticate-options",
    differs: "Nothing. Both store a challenge.",
  },
  {
    id: "sign-in-complete",
    title: "Sign in by passkey: complete",
    hamrah: "POST /api/webauthn/authenticate/complete",
    other: "POST /api/auth/passkey/verify-authentication",
    differs:
      "Both verify the response, refuse a counter that went back, store the counter and create a " +
      "session. Ours does so in one atomic batch, with events and a token pair, and requires " +
      "user verification.",
  },
  {
    id: "relay-register",
    title: "Register at the relay",
    isRelay: true,
    hamrah: "POST /api/v1/auth/register, with an identity and 20 one-time prekeys",
    other: "POST /relay/register, the same body",
    differs:
      "Both verify a signature and hash the password with the same Argon2id. Ours also checks the " +
      "password and the keys, creates a session with a token pair, signs a JWT, writes an event " +
      "and remembers the prekeys, so that none is uploaded twice. The naive relay inserts 22 rows.",
  },
  {
    id: "relay-bundle",
    title: "Fetch a bundle of keys",
    isRelay: true,
    hamrah: "GET /api/v1/users/{id}/keys, with a one-time prekey",
    other: "GET /relay/users/{id}/keys, the same",
    differs:
      "Ours reads the session, counts the claim for three limits, honours blocks, and takes the " +
      "prekey in one batch. The naive relay reads the keys and deletes a row, without limits.",
  },
  {
    id: "relay-send",
    title: "Send a message of 1 KiB",
    isRelay: true,
    hamrah: "POST /api/v1/channels/{id}/messages, with a `client_id`",
    other: "POST /relay/channels/{id}/messages, the same body",
    differs:
      "Ours reads the session, checks the member, compares the message with an earlier one of its " +
      "`client_id`, gives it a sequence number, and stores no sender. The naive relay inserts a " +
      "row with the sender for every caller with a token, and stores a repeated message twice.",
  },
  {
    id: "relay-history",
    title: "Read a page of 50 messages of 1 KiB",
    isRelay: true,
    hamrah: "GET /api/v1/channels/{id}/messages",
    other: "GET /relay/channels/{id}/messages",
    differs:
      "Ours reads the session, checks the member, leaves out removed and expired messages, and " +
      "ends a page at 1 MiB. The naive relay selects the last 50 rows and gives them as stored.",
  },
];

/** Returns whether a row belongs to the relay. */
export const isOfRelay = (id) => ROWS.some((row) => row.id === id && row.isRelay);

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
  naive: "the naive relay",
};

/**
 * Returns the lanes of a row, for the servers with one number of accounts. `withFloors` adds the
 * lanes of the floors, which are measured only with the first number of accounts.
 */
export const lanesOf = (row, { hamrah, before, betterAuth, empty }, withFloors) => {
  const lanes = { hamrah: hamrah.lanes[row] };
  if (!isOfRelay(row)) lanes["better-auth"] = betterAuth.lanes[row];
  if (before?.lanes[row]) lanes.before = before.lanes[row];
  if (isOfRelay(row)) return withFloors ? { ...lanes, "one-query": hamrah.oneQuery, empty: empty.lane } : lanes;
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
 * Returns the lanes of a row for the native server and, if the row has a floor, for bare axum and
 * sqlx. The lane of an empty answer is measured only with the first number of accounts (`isFirst`).
 */
export const nativeLanesOf = (row, { lanes, naive, query, empty }, isFirst) => {
  if (isOfRelay(row)) return { hamrah: lanes[row], naive: naive[row] };
  if (row === "health" && isFirst) return { hamrah: lanes[row], "bare-empty": empty };
  if (row === "session-cookie" || row === "access-token" || row === "me") return { hamrah: lanes[row], "bare-query": query };
  return { hamrah: lanes[row] };
};
