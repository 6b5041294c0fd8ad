/** The frames of the relay's socket. */
import type { components } from "../schema.js";

type Schemas = components["schemas"];

/** A sealed message, as REST returns it. */
export type SealedMessage = Schemas["SealedMessage"];

/** A message as `SendMessage` carries it. */
export interface MessagePayload {
  channel_id: string;
  sender_token: string;
  encrypted_body: string;
  expires_at?: string;
  attachment_ids?: string[];
  has_attachments?: boolean;
  client_id: string;
  edit_key_hash?: string;
  ref: string;
}

/** A frame of the client. */
export type ClientFrame =
  | { type: "Ping" }
  | { type: "SendMessage"; payload: MessagePayload }
  | { type: "Subscribe"; payload: { channel_id: string; since?: number } }
  | { type: "Unsubscribe" | "Typing"; payload: { channel_id: string } }
  | { type: "Ack"; payload: { channel_id: string; seq: number } };

/** The payloads of the frames of the server. */
export interface ServerPayloads {
  Hello: { session_id: string; heartbeat_interval_ms: number; prekeys_left: number };
  MessageAck: { message_id: string; client_id?: string; seq: number; ref?: string };
  NewMessage: SealedMessage;
  MessageEdited: { seq: number; message_id: string; channel_id: string; message: SealedMessage };
  MessageDeleted: { seq: number; message_id: string; channel_id: string };
  Gap: { channel_id: string; from: number; to: number; reason: string };
  Subscribed: { channel_id: string; head: number };
  UserTyping: { channel_id: string; ephemeral_token: string };
  MemberRemoved: { channel_id: string; user_id: string };
  PrekeysLow: { left: number; used_last_resort: boolean };
  IdentityChanged: { user_id: string };
  SenderKeysUpdated: { channel_id: string };
  Error: { message: string; code: string; ref?: string };
  Pong: undefined;
}

/** A frame of the server. */
export type ServerFrame = {
  [Type in keyof ServerPayloads]: { type: Type; payload: ServerPayloads[Type] };
}[keyof ServerPayloads];

/** The members of each payload that the client relies on, with their types. */
const MEMBERS: Record<keyof ServerPayloads, Record<string, string>> = {
  Hello: { session_id: "string", heartbeat_interval_ms: "number" },
  MessageAck: { message_id: "string", seq: "number" },
  NewMessage: { id: "string", channel_id: "string", encrypted_body: "string", seq: "number" },
  MessageEdited: { message_id: "string", channel_id: "string", message: "object", seq: "number" },
  MessageDeleted: { message_id: "string", channel_id: "string", seq: "number" },
  Gap: { channel_id: "string", from: "number", to: "number" },
  Subscribed: { channel_id: "string", head: "number" },
  UserTyping: { channel_id: "string", ephemeral_token: "string" },
  MemberRemoved: { channel_id: "string", user_id: "string" },
  PrekeysLow: { left: "number" },
  IdentityChanged: { user_id: "string" },
  SenderKeysUpdated: { channel_id: "string" },
  Error: { code: "string" },
  Pong: {},
};

/** Returns the frame of a text, or undefined for a frame that this version does not know. */
export const parseFrame = (text: unknown): ServerFrame | undefined => {
  if (typeof text !== "string") return undefined;
  let frame: { type?: unknown; payload?: unknown } | null;
  try {
    frame = JSON.parse(text) as typeof frame;
  } catch {
    return undefined;
  }
  if (typeof frame?.type !== "string" || !Object.hasOwn(MEMBERS, frame.type)) return undefined;
  const members = MEMBERS[frame.type as keyof ServerPayloads];
  const payload = (frame.payload ?? {}) as Record<string, unknown>;
  const isComplete = Object.entries(members).every(
    ([name, type]) => typeof payload[name] === type && payload[name] !== null,
  );
  return isComplete ? ({ type: frame.type, payload } as ServerFrame) : undefined;
};

/** An entry of a channel. Each one takes one or more sequence numbers. */
export type Entry =
  | { kind: "message"; channelId: string; seq: number; message: SealedMessage }
  /** `message` is the message in its present form. */
  | { kind: "edit"; channelId: string; seq: number; messageId: string; message: SealedMessage }
  | { kind: "removal"; channelId: string; seq: number; messageId: string }
  /** The entries `from` to `to` are gone. `seq` is `to`. */
  | { kind: "gap"; channelId: string; seq: number; from: number; to: number; reason: string };

/** Returns the entry that a frame carries, or undefined for other frames. */
export const entryOf = ({ type, payload }: ServerFrame): Entry | undefined => {
  switch (type) {
    case "NewMessage":
      return { kind: "message", channelId: payload.channel_id, seq: payload.seq, message: payload };
    case "MessageEdited": {
      const { channel_id: channelId, message_id: messageId, seq, message } = payload;
      return { kind: "edit", channelId, seq, messageId, message };
    }
    case "MessageDeleted": {
      const { channel_id: channelId, message_id: messageId, seq } = payload;
      return { kind: "removal", channelId, seq, messageId };
    }
    case "Gap": {
      const { channel_id: channelId, from, to, reason } = payload;
      return { kind: "gap", channelId, seq: to, from, to, reason };
    }
    default:
      return undefined;
  }
};

/** Returns the first sequence number of an entry. */
export const firstOf = (entry: Entry): number => (entry.kind === "gap" ? entry.from : entry.seq);
