/** The REST routes of the relay, in groups. Their types come from the description of the API. */
import type { components } from "../schema.js";
import { randomBytes, toBase64 } from "./bytes.js";
import { type CallOptions, type Rest, path } from "./rest.js";

type Schemas = components["schemas"];

export type KeyBundle = Schemas["KeyBundle"];
export type Channel = Schemas["ChannelResponse"];
export type Server = Schemas["ServerResponse"];
export type SealedMessage = Schemas["SealedMessage"];
export type MessageLog = Schemas["MessageLog"];
type Done = Schemas["RelayMessage"];

export interface PageOptions extends CallOptions {
  /** Number of entries, at most. */
  limit?: number;
  /** The last id of the page before. */
  after?: string;
}

const paged = ({ limit, after }: PageOptions = {}) => ({ limit, after });

/** Prekeys, identity keys and backups of the account, and key bundles of other accounts. */
export const keyRoutes = (rest: Rest) => ({
  /**
   * Returns the keys of an account, with a one-time prekey if one is left. The prekey goes to no
   * other caller. A repeated call with the same `idempotencyKey` returns the same prekey.
   */
  bundle: (userId: string, options: CallOptions & { idempotencyKey?: string } = {}) => {
    const { idempotencyKey = toBase64(randomBytes()), ...call } = options;
    const headers = { "Idempotency-Key": idempotencyKey };
    return rest.call<KeyBundle>("GET", path`/users/${userId}/keys`, {
      ...call,
      headers,
      repeat: true,
    });
  },
  /** Uploads one-time prekeys, in base64. */
  uploadPrekeys: (prekeys: string[], options?: CallOptions) =>
    rest.call<Schemas["PrekeysResponse"]>("POST", "/keys/prekeys", {
      ...options,
      body: { prekeys } satisfies Schemas["PrekeysRequest"],
    }),
  /** Returns the number of one-time prekeys that are left. */
  countPrekeys: (options?: CallOptions) =>
    rest.get<Schemas["PrekeyCount"]>("/keys/prekeys/count", options),
  removePrekeys: (options?: CallOptions) =>
    rest.call<Schemas["PrekeysRemoved"]>("DELETE", "/keys/prekeys", options),
  uploadPqPrekeys: (body: Schemas["PqPrekeysRequest"], options?: CallOptions) =>
    rest.call<Schemas["PrekeysResponse"]>("POST", "/keys/pq-prekeys", { ...options, body }),
  countPqPrekeys: (options?: CallOptions) =>
    rest.get<Schemas["PqPrekeyCount"]>("/keys/pq-prekeys/count", options),
  /** Returns the identity key of the own account. */
  identity: (options?: CallOptions) => rest.get<Schemas["OwnIdentity"]>("/keys/identity", options),
  /** Sets the identity key and the signed prekey. Another identity key removes all prekeys. */
  setIdentity: (body: Schemas["IdentityKeysRequest"], options?: CallOptions) =>
    rest.call<Done>("PUT", "/keys/identity", { ...options, body, repeat: true }),
  backup: (options?: CallOptions) => rest.get<Schemas["BackupResponse"]>("/keys/backup", options),
  storeBackup: (body: Schemas["BackupRequest"], options?: CallOptions) =>
    rest.call<Schemas["BackupChanged"]>("PUT", "/keys/backup", { ...options, body }),
});

/** Servers with their members, channels and invites. */
export const serverRoutes = (rest: Rest) => {
  return {
    list: (options?: CallOptions) => rest.get<Server[]>("/servers", options),
    get: (serverId: string, options?: CallOptions) =>
      rest.get<Server>(path`/servers/${serverId}`, options),
    create: (encryptedMeta: string, options?: CallOptions) =>
      rest.call<Server>("POST", "/servers", {
        ...options,
        body: { encrypted_meta: encryptedMeta },
      }),
    update: (serverId: string, encryptedMeta: string, options?: CallOptions) =>
      rest.call<Server>("PATCH", path`/servers/${serverId}`, {
        ...options,
        body: { encrypted_meta: encryptedMeta },
      }),
    delete: (serverId: string, options?: CallOptions) =>
      rest.call<Done>("DELETE", path`/servers/${serverId}`, options),
    channels: (serverId: string, options?: CallOptions) =>
      rest.get<Channel[]>(path`/servers/${serverId}/channels`, options),
    createChannel: (serverId: string, body: Schemas["ChannelRequestBody"], options?: CallOptions) =>
      rest.call<Channel>("POST", path`/servers/${serverId}/channels`, { ...options, body }),
    members: (serverId: string, options?: PageOptions) =>
      rest.get<Schemas["ServerMemberResponse"][]>(
        path`/servers/${serverId}/members`,
        options,
        paged(options),
      ),
    /** Removes a member. From the response on, the account reads and sends nothing there. */
    removeMember: (serverId: string, userId: string, options?: CallOptions) =>
      rest.call<Done>("DELETE", path`/servers/${serverId}/members/${userId}`, options),
    setRole: (serverId: string, userId: string, role: string, options?: CallOptions) =>
      rest.call<Done>("PUT", path`/servers/${serverId}/members/${userId}`, {
        ...options,
        body: { role } satisfies Schemas["RoleRequest"],
      }),
    leave: (serverId: string, options?: CallOptions) =>
      rest.call<Done>("DELETE", path`/servers/${serverId}/members/@me`, options),
    invites: (serverId: string, options?: CallOptions) =>
      rest.get<Schemas["InviteResponse"][]>(path`/servers/${serverId}/invites`, options),
    createInvite: (serverId: string, body: Schemas["InviteRequest"] = {}, options?: CallOptions) =>
      rest.call<Schemas["InviteResponse"]>("POST", path`/servers/${serverId}/invites`, {
        ...options,
        body,
      }),
    deleteInvite: (serverId: string, inviteId: string, options?: CallOptions) =>
      rest.call<Done>("DELETE", path`/servers/${serverId}/invites/${inviteId}`, options),
    /** Joins the server of an invite. */
    join: (code: string, options?: CallOptions) =>
      rest.call<Server>("POST", path`/invites/${code}/join`, options),
  };
};

/** Channels of servers, and direct messages. */
export const channelRoutes = (rest: Rest) => {
  return {
    update: (channelId: string, encryptedMeta: string, options?: CallOptions) =>
      rest.call<Channel>("PUT", path`/channels/${channelId}`, {
        ...options,
        body: { encrypted_meta: encryptedMeta },
      }),
    delete: (channelId: string, options?: CallOptions) =>
      rest.call<Done>("DELETE", path`/channels/${channelId}`, options),
    join: (channelId: string, options?: CallOptions) =>
      rest.call<Done>("POST", path`/channels/${channelId}/join`, options),
    leave: (channelId: string, options?: CallOptions) =>
      rest.call<Done>("DELETE", path`/channels/${channelId}/leave`, options),
    members: (channelId: string, options?: PageOptions) =>
      rest.get<Schemas["ChannelMemberResponse"][]>(
        path`/channels/${channelId}/members`,
        options,
        paged(options),
      ),
    /** Returns the identity keys of the members. */
    memberKeys: (channelId: string, options?: PageOptions) =>
      rest.get<Schemas["MemberKeyResponse"][]>(
        path`/channels/${channelId}/members/keys`,
        options,
        paged(options),
      ),
    /** Returns the sender keys that wait for the account. Reading uses them up. */
    senderKeys: (channelId: string, options: CallOptions = {}) =>
      rest.call<Schemas["SenderKeyResponse"][]>(
        "GET",
        path`/channels/${channelId}/sender-keys`,
        options,
      ),
    distributeSenderKeys: (
      channelId: string,
      distributions: Schemas["SenderKeyItem"][],
      options?: CallOptions,
    ) =>
      rest.call<Schemas["DistributionResponse"]>("POST", path`/channels/${channelId}/sender-keys`, {
        ...options,
        body: { distributions },
      }),
    /** Opens the direct message with another account. Each pair of accounts has one. */
    openDirectMessage: (targetUserId: string, encryptedMeta = "", options?: CallOptions) =>
      rest.call<Channel>("POST", "/dm", {
        ...options,
        body: { target_user_id: targetUserId, encrypted_meta: encryptedMeta },
        repeat: true,
      }),
    /** Returns a page of the account's direct messages. */
    directMessages: (options?: PageOptions) => rest.get<Channel[]>("/dm", options, paged(options)),
  };
};

/** Messages over REST, without a socket. */
export const messageRoutes = (rest: Rest) => {
  return {
    /** Sends a message. The client adds a random `client_id`, unless the message has one. */
    send: (channelId: string, message: Schemas["MessageRequest"], options?: CallOptions) => {
      const body = { client_id: toBase64(randomBytes()), ...message };
      return rest.call<SealedMessage>("POST", path`/channels/${channelId}/messages`, {
        ...options,
        body,
        repeat: true,
      });
    },
    /** Returns a page of messages, the newest first. */
    history: (channelId: string, options: CallOptions & { before?: string; limit?: number } = {}) =>
      rest.get<SealedMessage[]>(path`/channels/${channelId}/messages`, options, {
        before: options.before,
        limit: options.limit,
      }),
    /** Returns a page of entries after a sequence number. Ask again from `upto` until `head`. */
    since: (channelId: string, since: number, options: CallOptions & { limit?: number } = {}) =>
      rest.get<MessageLog>(path`/channels/${channelId}/messages`, options, {
        since,
        limit: options.limit,
      }),
    /** Edits a message with the secret that its sender kept. */
    edit: (messageId: string, body: Schemas["MessageEdit"], options?: CallOptions) =>
      rest.call<SealedMessage>("PATCH", path`/messages/${messageId}`, { ...options, body }),
    /** Removes a message with its secret, or as an administrator without it. */
    remove: (messageId: string, secret?: string, options?: CallOptions) =>
      rest.call<Done>("DELETE", path`/messages/${messageId}`, {
        ...options,
        body: secret === undefined ? {} : { secret },
        repeat: true,
      }),
  };
};

/** Other accounts. */
export const userRoutes = (rest: Rest) => ({
  /** Returns the account with exactly this username. */
  find: (username: string, options?: CallOptions) =>
    rest.get<Schemas["RelayUser"]>("/users/search", options, { username }),
  block: (userId: string, options?: CallOptions) =>
    rest.call<Done>("POST", path`/users/${userId}/block`, { ...options, repeat: true }),
  unblock: (userId: string, options?: CallOptions) =>
    rest.call<Done>("DELETE", path`/users/${userId}/block`, { ...options, repeat: true }),
  blocked: (options?: CallOptions) =>
    rest.get<Schemas["BlockedResponse"][]>("/users/blocked", options),
});
