/**
 * Two people exchange sealed messages over the relay, with libsodium.
 *
 * The sealing is as small as it can be. The keys do not change, so a stolen key opens every
 * message. An app uses a library with a reviewed protocol, such as libsignal, vodozemac or openmls.
 * The hooks are the same.
 */
import sodium from "libsodium-wrappers";
import {
  type Fetch,
  type KeyBundle,
  type Received,
  type RelayOptions,
  type SocketConstructor,
  createRelay,
  fromBase64,
  register,
  toBase64,
} from "../src/relay/index.js";

/** The text of a message and the account that signed it. */
export interface Content {
  text: string;
  from?: string;
}

export interface KeyPair {
  publicKey: Uint8Array;
  privateKey: Uint8Array;
}

/** The private keys of an account. An app keeps them in the key store of the device. */
export interface Keys {
  /** Ed25519, signs. */
  identity: KeyPair;
  /** X25519, opens. */
  prekey: KeyPair;
}

/** A member of the conversation, with the public keys of its bundle. */
export interface Member {
  userId: string;
  identityKey: Uint8Array;
  prekey: Uint8Array;
}

export const makeKeys = async (): Promise<Keys> => {
  await sodium.ready;
  return { identity: sodium.crypto_sign_keypair(), prekey: sodium.crypto_box_keypair() };
};

/** Returns the public halves as the registration takes them. */
export const uploadOf = ({ identity, prekey }: Keys) => ({
  identity_key: toBase64(identity.publicKey),
  signed_prekey: toBase64(prekey.publicKey),
  signed_prekey_signature: toBase64(
    sodium.crypto_sign_detached(prekey.publicKey, identity.privateKey),
  ),
  one_time_prekeys: [],
});

/** Returns the member of a bundle. Throws if the identity key did not sign the prekey. */
export const memberOf = (userId: string, bundle: KeyBundle): Member => {
  const [identityKey, prekey, signature] = [
    bundle.identity_key,
    bundle.signed_prekey,
    bundle.signed_prekey_sig,
  ].map(fromBase64) as [Uint8Array, Uint8Array, Uint8Array];
  if (!sodium.crypto_sign_verify_detached(signature, prekey, identityKey))
    throw new Error("The identity key did not sign the prekey. Do not send to this account.");
  return { userId, identityKey, prekey };
};

/** Texts are padded to a multiple of this length, because the relay sees their length. */
const PADDED = 256;
/** The length of an Ed25519 signature. */
const SIGNATURE = 64;

/** The signature covers the channel, so a message cannot be moved to another one. */
const signedBytes = (channelId: string, text: Uint8Array) =>
  new Uint8Array([...sodium.from_string(channelId), ...text]);

/** Returns the hooks of one account. `members` has both members of the conversation. */
export const hooksFor = (
  keys: Keys,
  members: readonly Member[],
): Required<Pick<RelayOptions<Content>, "seal" | "open">> => ({
  seal: async ({ text }, { channelId }) => {
    const padded = sodium.pad(sodium.from_string(text), PADDED);
    const signature = sodium.crypto_sign_detached(
      signedBytes(channelId, padded),
      keys.identity.privateKey,
    );
    const plain = new Uint8Array([...signature, ...padded]);
    // A box for each member, so that the sender can read the message too.
    return new Uint8Array(
      members.flatMap(({ prekey }) => [...sodium.crypto_box_seal(plain, prekey)]),
    );
  },
  open: async (body, { channel_id: channelId }) => {
    const index = members.findIndex(({ prekey }) => sodium.memcmp(prekey, keys.prekey.publicKey));
    const size = body.length / members.length;
    const box = body.subarray(index * size, (index + 1) * size);
    const { publicKey, privateKey } = keys.prekey;
    const plain = sodium.crypto_box_seal_open(box, publicKey, privateKey);
    const [signature, padded] = [plain.subarray(0, SIGNATURE), plain.subarray(SIGNATURE)];
    const signed = signedBytes(channelId, padded);
    const sender = members.find(({ identityKey }) =>
      sodium.crypto_sign_verify_detached(signature, signed, identityKey),
    );
    if (!sender) throw new Error("No member of the conversation signed this message.");
    return { text: sodium.to_string(sodium.unpad(padded, PADDED)), from: sender.userId };
  },
});

export interface ExchangeOptions {
  origin: string;
  fetch?: Fetch;
  WebSocket?: SocketConstructor;
  log?: (line: string) => void;
}

/** Registers two accounts and exchanges two messages. Returns the texts that each of them read. */
export const exchange = async ({ log = console.log, WebSocket, ...server }: ExchangeOptions) => {
  const join = async (name: string) => {
    const keys = await makeKeys();
    const username = `${name}-${sodium.to_hex(sodium.randombytes_buf(4))}`;
    const password = sodium.to_hex(sodium.randombytes_buf(16));
    const signIn = await register({ username, password, ...uploadOf(keys) }, server);
    return { name, keys, id: signIn.user.id, token: () => signIn.access_token };
  };
  const people = [await join("ada"), await join("bob")] as const;
  const ids = people.map(({ id }) => id);

  const connect = async ({ name, keys, token }: (typeof people)[number]) => {
    const socket = WebSocket && { WebSocket };
    const members: Member[] = [];
    const hooks = hooksFor(keys, members);
    const relay = createRelay<Content>({ ...server, ...socket, ...hooks, token });
    // Each client asks for the keys by itself. An app also compares them out of band.
    for (const id of ids) members.push(memberOf(id, await relay.keys.bundle(id)));
    const inbox = relay.directMessages();
    await relay.connect();
    return { name, relay, inbox };
  };
  const [ada, bob] = [await connect(people[0]), await connect(people[1])];

  /** Reads until a text of the other account. */
  const readFrom = async (
    reader: { name: string; inbox: AsyncIterator<Received<Content>, undefined> },
    from: string,
  ): Promise<string> => {
    for (;;) {
      const { done, value } = await reader.inbox.next();
      if (done) throw new Error("The connection ended before the message arrived.");
      if (value.openError) throw value.openError;
      if (value.content?.from !== from) continue;
      log(`${reader.name} reads: ${value.content.text}`);
      return value.content.text;
    }
  };
  try {
    const { id: channelId } = await ada.relay.channels.openDirectMessage(people[1].id);
    await ada.relay.send(channelId, { content: { text: "Hello Bob, this is Ada." } });
    const first = await readFrom(bob, people[0].id);
    await bob.relay.send(channelId, { content: { text: "Hello Ada, I can read you." } });
    const second = await readFrom(ada, people[1].id);
    return [first, second];
  } finally {
    ada.relay.close();
    bob.relay.close();
  }
};
