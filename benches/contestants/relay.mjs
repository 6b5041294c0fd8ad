// The requests of the relay's rows, to hamrah-api and to the naive relay of examples/bare/.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { token } from "../lib/bulk.mjs";
import { asker } from "../lib/connection.mjs";

const PASSWORD = "correct horse battery staple";
/** The messages of a page, and the bytes of each. */
const PAGE = 50;
const BODY_BYTES = 1024;
/** The one-time prekeys of a registration, and those in stock at the beginning of a slot. */
const REGISTERED = 20;
const STOCK = 100;

const base64 = (bytes) => randomBytes(bytes).toString("base64");
const prekeys = (count) => Array.from({ length: count }, () => base64(32));

/** Returns an identity key and a signed prekey, as a body. */
const identity = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const prekey = randomBytes(32);
  return {
    identity_key: Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url").toString("base64"),
    signed_prekey: prekey.toString("base64"),
    signed_prekey_signature: sign(null, prekey, privateKey).toString("base64"),
  };
};

const call = (method, path, access, body) => ({
  method,
  path,
  headers: access ? { Authorization: `Bearer ${access}` } : {},
  body: body && JSON.stringify(body),
});

let registered = 0;
/** Returns a registration of a further account. */
const registration = (keys, one_time_prekeys) => {
  registered += 1;
  return { username: `bench-${registered}-${token(6)}`, password: PASSWORD, ...keys, one_time_prekeys };
};

const message = () => ({ sender_token: base64(32), encrypted_body: base64(BODY_BYTES) });

/**
 * Returns the lanes of a relay whose paths begin with `base`. `members` are accounts with `id`,
 * `access` and `channel`; `restock()` fills the stock of each.
 */
const lanes = (base, members, restock, name) => {
  const keys = identity();
  const first = prekeys(REGISTERED);
  const messages = ({ channel }) => `${base}/channels/${channel}/messages`;
  const everybody = async () => members;
  return {
    "relay-register": {
      prepare: everybody,
      request: () => call("POST", `${base}/${name}`, undefined, registration(keys, first)),
      accept: () => {},
    },
    "relay-bundle": {
      once: true,
      prepare: async (count) => {
        await restock();
        return Array.from({ length: count }, (_, at) => ({
          by: members[at % members.length],
          of: members[(at + 1) % members.length],
        }));
      },
      request: ({ by, of }) => call("GET", `${base}/users/${of.id}/keys`, by.access),
      check: (body) => JSON.parse(body).one_time_prekey !== null,
    },
    "relay-send": {
      prepare: everybody,
      request: (member) => call("POST", messages(member), member.access, { ...message(), client_id: base64(16) }),
      accept: () => {},
    },
    "relay-history": {
      prepare: everybody,
      request: (member) => call("GET", `${messages(member)}?limit=${PAGE}`, member.access),
      check: (body) => body.length > PAGE * BODY_BYTES,
    },
  };
};

const fill = async (ask, base, { channel, access }) => {
  for (let sent = 0; sent < PAGE; sent += 1) await ask(call("POST", `${base}/channels/${channel}/messages`, access, message()));
};

/** Returns the lanes of hamrah-api at `api`, whose `actors` join the relay. */
export const relayLanes = async (api, sql, actors) => {
  const ask = await asker(api);
  const base = "/api/v1";
  const members = [];
  for (const { id, access } of actors) {
    await ask(call("PUT", `${base}/keys/identity`, access, identity()));
    const { id: server } = (await ask(call("POST", `${base}/servers`, access, { encrypted_meta: "AAAA" }))).json;
    const [{ id: channel }] = (await ask(call("GET", `${base}/servers/${server}/channels`, access))).json;
    const member = { id, access, channel };
    await fill(ask, base, member);
    members.push(member);
  }
  ask.close();
  const stock = Array.from({ length: STOCK }, () => token()).join("");
  const restock = () =>
    sql([
      { text: "DELETE FROM relay_counts" },
      {
        text: `INSERT INTO relay_prekeys (user_id, stock) SELECT user_id, ?1 FROM relay_keys WHERE user_id IN (SELECT value FROM json_each(?2))
               ON CONFLICT (user_id) DO UPDATE SET stock = excluded.stock`,
        params: [stock, JSON.stringify(members.map(({ id }) => id))],
      },
    ]);
  return lanes(base, members, restock, "auth/register");
};

/** Returns the lanes of the naive relay at `origin`. */
export const naiveLanes = async (origin, sql, accounts) => {
  const ask = await asker(origin);
  const base = "/naive";
  const members = [];
  for (let made = 0; made < accounts; made += 1) {
    const { user, access_token: access } = (await ask(call("POST", `${base}/register`, undefined, registration(identity(), [])))).json;
    const member = { id: user.id, access, channel: user.id };
    await fill(ask, base, member);
    members.push(member);
  }
  ask.close();
  const stock = JSON.stringify(prekeys(STOCK));
  const ids = JSON.stringify(members.map(({ id }) => id));
  const restock = () =>
    sql([
      { text: "DELETE FROM naive_prekeys" },
      { text: "INSERT INTO naive_prekeys (user_id, key) SELECT u.value, k.value FROM json_each(?1) AS u, json_each(?2) AS k", params: [ids, stock] },
    ]);
  return lanes(base, members, restock, "register");
};
