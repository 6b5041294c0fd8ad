// The lanes of the relay: for hamrah-api on both targets, and for the naive relay of
// examples/bare.rs, which gets the same bodies.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { asker } from "../lib/connection.mjs";

/** The number of accounts, one for each connection. */
const ACTORS = 32;
/** The number of one-time prekeys of a registration, and of an account before each slot. */
const PREKEYS = 20;
/** The size of a sealed message in bytes. */
const BODY_BYTES = 1024;
/** The number of messages of a page, and of the channel that is read. */
const [PAGE, STORED] = [50, 60];
/** The number of channels that are read, each by several connections. */
const READ = 8;
const PASSWORD = "a long password for the relay";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const post = (path, body, access) => ({
  method: "POST",
  path,
  headers: access ? { Authorization: `Bearer ${access}` } : {},
  body: JSON.stringify(body),
});

/** Returns a public key of X25519, which has 255 bits. */
const prekey = () => {
  const bytes = randomBytes(32);
  bytes[31] &= 127;
  return bytes;
};

/** Returns the keys of a registration: an identity, a prekey that it signed, one-time prekeys. */
const upload = () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const signed = prekey();
  return {
    identity_key: base64(Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url")),
    signed_prekey: base64(signed),
    signed_prekey_signature: base64(sign(null, signed, privateKey)),
    one_time_prekeys: Array.from({ length: PREKEYS }, () => base64(prekey())),
  };
};

const message = () => ({ sender_token: base64(randomBytes(16)), encrypted_body: base64(randomBytes(BODY_BYTES)) });

/**
 * hamrah-api's paths, with `newChannel(ask, account)` and `refill(ids)`, which returns statements
 * that fill the stocks of accounts and forget what they claimed. Without the latter, the limits of
 * an hour would end the row.
 */
export const OURS = {
  register: "/api/v1/auth/register",
  keys: (id) => `/api/v1/users/${id}/keys`,
  messages: (channel) => `/api/v1/channels/${channel}/messages`,
  newChannel: async (ask, { access }) => {
    const { json: made } = await ask(post("/api/v1/servers", { encrypted_meta: "AAAA" }, access));
    const { json: channels } = await ask({ path: `/api/v1/servers/${made.id}/channels`, headers: { Authorization: `Bearer ${access}` } });
    return channels[0].id;
  },
  refill: (ids) => [
    { text: "UPDATE relay_counts SET count = 0" },
    {
      text: "UPDATE relay_prekeys SET stock = ?1 WHERE user_id IN (SELECT value FROM json_each(?2))",
      params: [Array.from({ length: PREKEYS }, () => prekey().toString("base64url")).join(""), JSON.stringify(ids)],
    },
  ],
};

let channels = 0;
/** The paths of examples/bare.rs, where a channel is a text. */
export const BARE = {
  register: "/relay/register",
  keys: (id) => `/relay/users/${id}/keys`,
  messages: (channel) => `/relay/channels/${channel}/messages`,
  newChannel: async () => `channel-${(channels += 1)}`,
  refill: (ids) => [
    { text: "DELETE FROM bare_prekeys WHERE user_id IN (SELECT value FROM json_each(?1))", params: [JSON.stringify(ids)] },
    {
      text: "INSERT INTO bare_prekeys (user_id, prekey) SELECT u.value, k.value FROM json_each(?1) AS u, json_each(?2) AS k",
      params: [JSON.stringify(ids), JSON.stringify(Array.from({ length: PREKEYS }, () => base64(prekey())))],
    },
  ],
};

/** Returns a function that does `work` once, at its first call. */
const lazily = (work) => {
  let done;
  return () => (done ??= work());
};

/**
 * Returns the lanes of the relay at `origin`, and `close`. The accounts are made when a lane needs
 * them, because each one costs a password hash. `sql` runs statements over the database.
 */
export const relayLanes = async (origin, sql, target) => {
  const ask = await asker(origin);
  const prefix = `r${randomBytes(4).toString("hex")}`;
  let registered = 0;
  const registration = (keys) => {
    registered += 1;
    return post(target.register, { username: `${prefix}-${registered}`, password: PASSWORD, ...keys });
  };
  const accounts = lazily(async () => {
    const made = [];
    while (made.length < ACTORS) {
      const { json } = await ask(registration(upload()));
      made.push({ id: json.user.id, access: json.access_token });
    }
    return made;
  });
  const withChannels = (number, fill) =>
    lazily(async () => {
      const clients = [];
      for (const account of (await accounts()).slice(0, number)) {
        const channel = await target.newChannel(ask, account);
        await fill(account, channel);
        clients.push({ ...account, channel, message: message() });
      }
      return Array.from({ length: ACTORS }, (_, at) => clients[at % number]);
    });
  const send = ({ access, channel }, body) => post(target.messages(channel), { ...body, client_id: base64(randomBytes(16)) }, access);

  const lanes = {
    "relay-register": {
      prepare: async (count) => Array.from({ length: count }, upload),
      request: registration,
      // Every request has a name of its own.
      accept: () => {},
    },
    "relay-bundle": {
      once: true,
      prepare: async (count) => {
        const known = await accounts();
        await sql(target.refill(known.map(({ id }) => id)));
        // Each round over the accounts asks for the keys of another neighbour.
        const neighbour = (at) => known[(at + 1 + Math.floor(at / ACTORS)) % ACTORS];
        return Array.from({ length: count }, (_, at) => ({ access: known[at % ACTORS].access, of: neighbour(at).id }));
      },
      request: ({ access, of }) => ({ path: target.keys(of), headers: { Authorization: `Bearer ${access}` } }),
      check: (body) => body.includes('"one_time_prekey":"'),
    },
    "relay-send": {
      prepare: withChannels(ACTORS, async () => {}),
      request: (client) => send(client, client.message),
      // Every request has a client_id of its own.
      accept: () => {},
    },
    "relay-history": {
      prepare: withChannels(READ, async (account, channel) => {
        for (let sent = 0; sent < STORED; sent += 1) await ask(send({ ...account, channel }, message()));
      }),
      request: ({ access, channel }) => ({ path: target.messages(channel), headers: { Authorization: `Bearer ${access}` } }),
      check: (body) => body.length > (PAGE * BODY_BYTES * 4) / 3,
    },
  };
  return { lanes, close: () => ask.close() };
};
