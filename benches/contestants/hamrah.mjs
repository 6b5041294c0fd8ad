// hamrah-api's Worker from build/ and, over the same tables, a Worker with one query. The native
// server gets the same requests.
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { OBJECTS, migrations, signingKeys } from "../../tests/workerd/miniflare.mjs";
import { Authenticator } from "../lib/authenticator.mjs";
import { insert, seedInBulk, token, uuid } from "../lib/bulk.mjs";
import { asker } from "../lib/connection.mjs";
import { plain, startInstance } from "../lib/instance.mjs";
import { OURS, relayLanes } from "./relay.mjs";

const root = new URL("../../", import.meta.url);
const ORIGIN = "http://localhost:8787";
/** The number of accounts that are created through the API, one for each connection. */
const ACTORS = 32;
const LISTED = 5;

const json = (path, body, headers = {}) => ({ method: "POST", path, headers, body: JSON.stringify(body) });

/** Returns a passkey as webauthn-rs stores it, so that rows are as long as real rows. */
const library = (id) =>
  JSON.stringify({
    cred: {
      cred_id: id,
      cred: { type_: "ES256", key: { EC_EC2: { curve: "SECP256R1", x: token(), y: token() } } },
      counter: 0,
      transports: null,
      user_verified: true,
      backup_eligible: true,
      backup_state: true,
      registration_policy: "required",
      extensions: { cred_protect: "NotRequested", hmac_create_secret: "NotRequested", appid: "NotRequested", cred_props: "NotRequested" },
      attestation: { data: "None", metadata: "None" },
      attestation_format: "none",
    },
  });

const bulkStatements = (accounts) => {
  const users = accounts.map((account) => ({ ...account, id: uuid() }));
  const sessions = users.flatMap(({ id, signIns }) => signIns.map((signIn) => ({ ...signIn, id: uuid(), user: id })));
  return [
    insert(
      "users",
      ["id", "email", "email_verified", "name", "auth_method", "provider", "provider_id", "created_at", "updated_at", "last_login_at", "last_login_platform"],
      users.map(({ id, email, name, createdAt, signIns }) => [id, email, 1, name, "google", "google", email, createdAt, createdAt, signIns[0].began, "web"]),
    ),
    insert("identities", ["id", "user_id", "provider", "provider_id", "created_at"], users.map(({ id, email, createdAt }) => [uuid(), id, "google", email, createdAt])),
    insert(
      "sessions",
      ["id", "user_id", "platform", "user_agent", "authenticated_at", "created_at", "last_used_at", "token_hash", "token_expires_at", "expires_at"],
      sessions.map(({ id, user, began, ends, userAgent }) => [id, user, "web", userAgent, began, began, began, token(), ends, ends]),
    ),
    insert(
      "passkeys",
      ["id", "user_id", "public_key", "library", "counter", "transports", "aaguid", "backup_eligible", "backed_up", "user_verified", "name", "created_at"],
      users.map(({ id, createdAt }) => [token(), id, token(77), library(token()), 7, '["internal"]', uuid(), 1, 1, 1, "Passkey", createdAt]),
    ),
    insert("events", ["id", "at", "kind", "user_id", "session_id", "actor", "request_id"], sessions.map(({ id, user, began }) => [uuid(), began, "signed_in", user, id, "user", uuid()])),
  ];
};

/**
 * Runs `work` without the outbox trigger, as if maintenance had delivered and removed the outbox
 * entries of all events of the work.
 */
const withoutNotices = async (sql, work) => {
  const [[{ sql: trigger }]] = await sql([{ text: "SELECT sql FROM sqlite_master WHERE name = 'events_to_outbox'" }]);
  await sql([{ text: "DROP TRIGGER events_to_outbox" }]);
  await work();
  await sql([{ text: trigger }]);
};

/** Creates an expired access token, signed with the current key. */
const expired = (accessToken, keys) => {
  const [header, payload] = accessToken.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  const past = Math.floor(Date.now() / 1000) - 7200;
  const body = Buffer.from(JSON.stringify({ ...claims, iat: past, exp: past + 3600 })).toString("base64url");
  const key = createPrivateKey({ key: JSON.parse(keys).keys[0], format: "jwk" });
  return `${header}.${body}.${sign(null, Buffer.from(`${header}.${body}`), key).toString("base64url")}`;
};

/**
 * Creates a token with the signature of another key. The API must verify the signature to refuse
 * the token. Random bytes are rarely a well-formed signature.
 */
const forged = (accessToken) => {
  const signed = accessToken.split(".").slice(0, 2).join(".");
  return `${signed}.${sign(null, Buffer.from(signed), generateKeyPairSync("ed25519").privateKey).toString("base64url")}`;
};

/** Returns the settings of a contestant, with secrets of its own. */
export const settings = () => ({
  ENVIRONMENT: "development",
  RATE_LIMITS: "off",
  INTERNAL_API_KEY: token(),
  JWT_SIGNING_KEYS: signingKeys(),
  SECRETS_KEY: token(),
});

/**
 * Creates `users` accounts for the API at `api`, most of them through `sql`. Returns the lanes, the
 * hashes of live session tokens, and `close`.
 */
export const populate = async (api, sql, bindings, users) => {
  const ask = await asker(api);
  const service = { "X-Internal-Service": "hamrah-app", "X-Internal-Key": bindings.INTERNAL_API_KEY };
  const internal = async (path, body) => (await ask(json(`/api/internal/${path}`, body, service))).json;

  const actors = [];
  for (let index = 0; index < ACTORS; index += 1) {
    const person = { email: `actor-${index}@bench.example`, name: `Actor ${index}`, provider: "google", provider_id: `actor-${index}`, auth_method: "google" };
    const { user } = await internal("users", { ...person, platform: "web" });
    const { session_token: session } = await internal("sessions", { user_id: user.id, platform: "web" });
    const pair = await internal("tokens", { user_id: user.id, platform: "api" });
    for (let more = 2; more < LISTED; more += 1) await internal("sessions", { user_id: user.id, platform: "web" });
    actors.push({ id: user.id, session, access: pair.access_token, refresh: pair.refresh_token });
  }
  // Rows that create sessions do so for accounts other than the actors', so that lists do not grow.
  const { user: signedInOften } = await internal("users", { email: "often@bench.example", name: "Often", provider: "google", provider_id: "often", platform: "web" });
  await withoutNotices(sql, () => seedInBulk(sql, ACTORS + 1, users, bulkStatements));

  const bearer = (path) => ({ access }) => ({ path, headers: { Authorization: `Bearer ${access}` } });
  const refused = (spoil) => ({ prepare: async () => actors.map(({ access }) => ({ access: spoil(access) })), request: bearer("/api/auth/tokens/validate"), expect: 401 });
  const everybody = async () => actors;
  let newcomers = 0;
  const newcomer = () => {
    newcomers += 1;
    return { email: `newcomer-${newcomers}@bench.example`, name: `Newcomer ${newcomers}` };
  };
  const begin = async (path, body = {}) => (await ask(json(`/api/webauthn/${path}`, body))).json;
  const complete = (path) => ({ begun, response }) =>
    json(`/api/webauthn/${path}`, { challenge_id: begun.challenge_id, response }, { Origin: ORIGIN, "Sec-Fetch-Site": "same-site" });
  const register = async () => {
    const authenticator = new Authenticator(ORIGIN);
    const begun = await begin("register/begin", newcomer());
    return { authenticator, begun, response: authenticator.create(begun.options) };
  };
  const registered = [];
  const passkeys = async () => {
    while (registered.length < ACTORS) {
      const { authenticator, ...ceremony } = await register();
      await ask(complete("register/complete")(ceremony));
      registered.push(authenticator);
    }
    return registered;
  };

  const lanes = {
    "session-cookie": { prepare: everybody, request: ({ session }) => ({ path: "/api/auth/sessions/validate", headers: { Cookie: `session=${session}` } }) },
    "access-token": { prepare: everybody, request: bearer("/api/auth/tokens/validate") },
    forged: refused(forged),
    expired: refused((access) => expired(access, bindings.JWT_SIGNING_KEYS)),
    me: { prepare: everybody, request: bearer("/api/users/me") },
    "list-sessions": { prepare: everybody, request: bearer("/api/users/me/sessions") },
    health: { prepare: everybody, request: () => ({ path: "/health" }) },
    "create-session": { prepare: everybody, request: () => json("/api/internal/sessions", { user_id: signedInOften.id, platform: "web" }, service) },
    refresh: {
      prepare: async () => actors.map(({ refresh }) => ({ refresh })),
      request: ({ refresh }) => json("/api/auth/tokens/refresh", { refresh_token: refresh }),
      accept: (state, { body }) => (state.refresh = JSON.parse(body).refresh_token),
    },
    "sign-up-begin": { prepare: everybody, request: () => json("/api/webauthn/register/begin", newcomer()), accept: () => {} },
    "sign-up-complete": {
      once: true,
      prepare: async (count) => {
        const ceremonies = [];
        while (ceremonies.length < count) ceremonies.push(await register());
        return ceremonies;
      },
      request: complete("register/complete"),
    },
    "sign-in-begin": { prepare: everybody, request: () => json("/api/webauthn/authenticate/begin", {}) },
    "sign-in-complete": {
      once: true,
      prepare: async (count, connections) => {
        const known = await passkeys();
        const ceremonies = [];
        while (ceremonies.length < count) {
          const begun = await begin("authenticate/begin");
          // A connection always uses the same passkey, because its counter must rise in the order
          // of the requests.
          ceremonies.push({ begun, response: known[ceremonies.length % connections].get(begun.options) });
        }
        return ceremonies;
      },
      request: complete("authenticate/complete"),
    },
  };
  const hashes = actors.map(({ session }) => ({ hash: createHash("sha256").update(session).digest("base64url") }));

  return { lanes, hashes, close: () => ask.close() };
};

/** Starts the Worker in `build/` of a checkout, with the schema of that checkout. */
export const startHamrah = async (users, checkout = root) => {
  const bindings = settings();
  const glue = readFileSync(new URL("build/index.js", checkout), "utf8");
  const modules = [
    { type: "ESModule", path: "index.js", contents: glue },
    { type: "CompiledWasm", path: "index_bg.wasm", contents: readFileSync(new URL("build/index_bg.wasm", checkout)) },
  ];
  const counting = { type: "ESModule", path: "counted-objects.mjs", contents: readFileSync(new URL("../workers/counted-objects.mjs", import.meta.url), "utf8") };
  // An older checkout has no relay.
  const hasRelay = glue.includes("ChannelObject");
  const objects = hasRelay && {
    durableObjects: { CHANNELS: OBJECTS.CHANNELS, HUBS: OBJECTS.HUBS },
    // The Worker that defines a class also binds it.
    twin: { modules: [counting, ...modules], durableObjects: { REAL_CHANNELS: OBJECTS.CHANNELS, HUBS: OBJECTS.HUBS } },
  };
  const instance = await startInstance({ api: { modules, bindings, ...objects }, "one-query": plain("one-query") });
  await instance.sql(migrations(checkout).map((text) => ({ text })));
  const [api, oneQuery] = await Promise.all(["api", "one-query"].map(instance.urlOf));
  const { lanes, hashes, close } = await populate(api, instance.sql, bindings, users);
  const query = { prepare: async () => hashes, request: ({ hash }) => ({ path: "/", headers: { "x-token-hash": hash } }) };
  const relays = hasRelay ? await Promise.all([api, await instance.countedUrlOf("api")].map((origin) => relayLanes(origin, instance.sql, OURS))) : [];
  const [relay, counted] = relays;
  const ofRelay = Object.entries(relay?.lanes ?? {}).map(([row, lane]) => [row, { ...lane, counted: counted.lanes[row] }]);

  return {
    instance,
    lanes: Object.fromEntries([...Object.entries(lanes), ...ofRelay].map(([row, lane]) => [row, { ...lane, origin: api, worker: "api" }])),
    oneQuery: { ...query, origin: oneQuery, worker: "one-query" },
    stop: async () => {
      close();
      for (const each of relays) each.close();
      await instance.stop();
    },
  };
};
