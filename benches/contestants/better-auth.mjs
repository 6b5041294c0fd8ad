// better-auth over a D1 and in a process of its own, in four settings: the defaults (`plain`), with
// reads in one statement (`joins`), with the session in a signed cookie for five minutes
// (`cached`), and with a session that every request extends (`refreshing`).
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { Authenticator } from "../lib/authenticator.mjs";
import { bundle } from "../lib/bundle.mjs";
import { insert, seedInBulk, token, uuid } from "../lib/bulk.mjs";
import { asker, cookiesOf, valuesOf } from "../lib/connection.mjs";
import { startInstance } from "../lib/instance.mjs";

const ORIGIN = "http://localhost:8787";
const ACTORS = 32;
const LISTED = 5;
const SETTINGS = { plain: {}, joins: { JOINS: "on" }, cached: { COOKIE_CACHE: "on" }, refreshing: { UPDATE_AGE: "0" } };
const HOUR = 3_600_000;

const json = (path, body, headers = {}) => ({ method: "POST", path: `/api/auth${path}`, headers: { Origin: ORIGIN, ...headers }, body: JSON.stringify(body) });
const iso = (milliseconds) => new Date(milliseconds).toISOString();
const SESSION = ["id", "userId", "token", "userAgent", "ipAddress", "createdAt", "updatedAt", "expiresAt"];

const bulkStatements = (accounts) => {
  const users = accounts.map((account) => ({ ...account, id: token(24) }));
  const sessions = users.flatMap(({ id, signIns }) => signIns.map((signIn) => ({ ...signIn, user: id })));
  return [
    insert(
      "user",
      ["id", "name", "email", "emailVerified", "createdAt", "updatedAt"],
      users.map(({ id, name, email, createdAt }) => [id, name, email, 1, iso(createdAt), iso(createdAt)]),
    ),
    insert(
      "account",
      ["id", "accountId", "providerId", "userId", "createdAt", "updatedAt"],
      users.map(({ id, email, createdAt }) => [token(24), email, "google", id, iso(createdAt), iso(createdAt)]),
    ),
    insert(
      "session",
      SESSION,
      sessions.map(({ user, began, ends, userAgent }) => [token(24), user, token(24), userAgent, "", iso(began), iso(began), iso(ends)]),
    ),
    insert(
      "passkey",
      ["id", "userId", "publicKey", "credentialID", "counter", "deviceType", "backedUp", "transports", "createdAt", "aaguid"],
      users.map(({ id, createdAt }) => [token(24), id, token(77), token(), 7, "multiDevice", 1, "internal", iso(createdAt), uuid()]),
    ),
  ];
};

const workersOf = async (bindings) => {
  const [main, migrate] = await Promise.all(["better-auth", "better-auth-migrate"].map(bundle));
  const worker = (path, setting) => ({
    modules: [{ type: "ESModule", path: "index.mjs", contents: readFileSync(path, "utf8") }],
    // better-auth's documentation asks for this flag.
    compatibilityFlags: ["nodejs_compat"],
    bindings: { ...bindings, ...setting },
  });
  const settings = Object.entries(SETTINGS).map(([name, setting]) => [name, worker(main, setting)]);
  return { ...Object.fromEntries(settings), migrate: worker(migrate, {}) };
};

const start = async () => {
  const bindings = { SECRET: token(), ORIGIN, INTERNAL_KEY: token() };
  const instance = await startInstance(await workersOf(bindings));
  await (await fetch(await instance.urlOf("migrate"))).text();
  return { bindings, instance };
};

/**
 * Returns better-auth's queries before its first answer, with their results. better-auth compares
 * the existing tables with the tables that it needs.
 */
export const firstQuestions = async () => {
  const { bindings, instance } = await start();
  const url = await instance.countedUrlOf("plain");
  await instance.counted(async () => (await fetch(`${url}/api/auth/ok`)).text());
  const answers = [...instance.answers];
  await instance.stop();
  return { bindings, answers };
};

export const startBetterAuth = async (users) => {
  const { bindings, instance } = await start();
  const [plain, joins, cached, refreshing] = await Promise.all(Object.keys(SETTINGS).map(instance.urlOf));
  const [ask, askCached] = await Promise.all([asker(plain), asker(cached)]);
  const service = { "x-internal-key": bindings.INTERNAL_KEY };

  const signUp = (email, name) => ask(json("/sign-up/email", { email, name, password: token() }));
  const actors = [];
  for (let index = 0; index < ACTORS; index += 1) {
    const { head, json: made } = await signUp(`actor-${index}@bench.example`, `Actor ${index}`);
    for (let more = 1; more < LISTED; more += 1) await ask(json("/internal/sessions", { user_id: made.user.id }, service));
    // With the cache a session has two cookies. The first read of the session sets the second.
    const cookie = cookiesOf(head);
    const looked = await askCached({ path: "/api/auth/get-session", headers: { Cookie: cookie } });
    actors.push({ id: made.user.id, cookie, both: `${cookie}; ${cookiesOf(looked.head)}`, access: valuesOf(head, "set-auth-token")[0] });
  }
  const signedInOften = (await signUp("often@bench.example", "Often")).json.user;
  await seedInBulk(instance.sql, ACTORS + 1, users, bulkStatements);

  const everybody = async () => actors;
  const found = (body) => body.length > 100;
  const nobody = (body) => body.toString() === "null";
  const bySession = { prepare: everybody, request: ({ cookie }) => ({ path: "/api/auth/get-session", headers: { Cookie: cookie } }), check: found };
  const bearer = ({ access }) => ({ path: "/api/auth/get-session", headers: { Authorization: `Bearer ${access}` } });
  const byBearer = { prepare: everybody, request: bearer, check: found };
  const signed = (text) => `${text}.${encodeURIComponent(createHmac("sha256", bindings.SECRET).update(text).digest("base64"))}`;

  let newcomers = 0;
  const registrationPath = () => {
    newcomers += 1;
    const context = JSON.stringify({ email: `newcomer-${newcomers}@bench.example`, name: `Newcomer ${newcomers}` });
    return `/api/auth/passkey/generate-register-options?context=${encodeURIComponent(context)}`;
  };
  const begin = async (path) => {
    const { head, json: options } = await ask({ path });
    return { cookie: cookiesOf(head), options };
  };
  const register = async () => {
    const authenticator = new Authenticator(ORIGIN);
    const { cookie, options } = await begin(registrationPath());
    return { authenticator, cookie, response: authenticator.create(options) };
  };
  const registration = ({ cookie, response }) => json("/passkey/verify-registration", { response, createSession: true }, { Cookie: cookie });
  const registered = [];
  const passkeys = async () => {
    while (registered.length < ACTORS) {
      const { authenticator, ...ceremony } = await register();
      await ask(registration(ceremony));
      registered.push(authenticator);
    }
    return registered;
  };

  const lanes = {
    "session-cookie": bySession,
    "access-token": byBearer,
    forged: { prepare: async () => actors.map(({ access }) => ({ access: `${access.split(".")[0]}.${signed(token()).split(".")[1]}` })), request: bearer, check: nobody },
    expired: {
      once: true,
      prepare: async (count) => {
        const ended = Array.from({ length: count }, () => token(24).replaceAll(/[-_]/g, "x"));
        const past = Date.now() - 2 * HOUR;
        const rows = ended.map((text) => [token(24), actors[0].id, text, "", "", iso(past - HOUR), iso(past - HOUR), iso(past)]);
        await instance.sql([insert("session", SESSION, rows)]);
        return ended.map((text) => ({ access: signed(text) }));
      },
      request: bearer,
      check: nobody,
    },
    me: byBearer,
    "list-sessions": {
      prepare: everybody,
      request: ({ access }) => ({ path: "/api/auth/list-sessions", headers: { Authorization: `Bearer ${access}` } }),
      check: found,
    },
    health: { prepare: everybody, request: () => ({ path: "/api/auth/ok" }) },
    "create-session": { prepare: everybody, request: () => json("/internal/sessions", { user_id: signedInOften.id }, service) },
    refresh: { ...byBearer, origin: refreshing, worker: "refreshing" },
    "sign-up-begin": { prepare: everybody, request: () => ({ path: registrationPath() }), accept: () => {} },
    "sign-up-complete": {
      once: true,
      prepare: async (count) => {
        const ceremonies = [];
        while (ceremonies.length < count) ceremonies.push(await register());
        return ceremonies;
      },
      request: registration,
    },
    "sign-in-begin": { prepare: everybody, request: () => ({ path: "/api/auth/passkey/generate-authenticate-options" }) },
    "sign-in-complete": {
      once: true,
      prepare: async (count, connections) => {
        const known = await passkeys();
        const ceremonies = [];
        while (ceremonies.length < count) {
          const { cookie, options } = await begin("/api/auth/passkey/generate-authenticate-options");
          ceremonies.push({ cookie, response: known[ceremonies.length % connections].get(options) });
        }
        return ceremonies;
      },
      request: ({ cookie, response }) => json("/passkey/verify-authentication", { response }, { Cookie: cookie }),
    },
  };
  const at = (origin, worker, lane) => ({ origin, worker, ...lane });

  return {
    instance,
    lanes: Object.fromEntries(Object.entries(lanes).map(([row, lane]) => [row, at(plain, "plain", lane)])),
    joins: { "session-cookie": at(joins, "joins", bySession), "access-token": at(joins, "joins", byBearer) },
    cached: {
      "session-cookie": at(cached, "cached", {
        ...bySession,
        request: ({ both }) => ({ path: "/api/auth/get-session", headers: { Cookie: both } }),
      }),
    },
    stop: async () => {
      ask.close();
      askCached.close();
      await instance.stop();
    },
  };
};
