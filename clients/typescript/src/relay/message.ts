/** A message of the app, and its form on the wire. */
import { HamrahApiError } from "../error.js";
import { type Bytes, fromBase64, randomBytes, toBase64 } from "./bytes.js";
import type { MessagePayload } from "./frames.js";

/** The parts of a message around its body. */
export interface SendOptions {
  /** 1 to 64 bytes by which members know the sender. The default is 16 random bytes. */
  senderToken?: Bytes;
  /** When the message expires. */
  expiresAt?: Date | string;
  attachmentIds?: string[];
  hasAttachments?: boolean;
  /** The SHA-256 of a secret of 16 to 64 bytes, which edits and removes the message. */
  editKeyHash?: Bytes;
  /** 16 random bytes. Pass those of an earlier attempt to repeat a message after a restart. */
  clientId?: Bytes;
  /** Rejects the call. The relay may have stored the message. */
  signal?: AbortSignal;
}

/** A message: its sealed body, or the content for the hook `seal`. */
export type OutgoingMessage<Content> = SendOptions &
  ({ body: Bytes; content?: never } | { content: Content; body?: never });

const MOST_BODY_BYTES = 64 * 1024;
/** The relay closes the socket after a larger frame. */
const MOST_FRAME_BYTES = 89 * 1024;

/**
 * Returns the payload of a message. Throws if a part of it is not valid, because the relay may
 * refuse such a frame without naming the message.
 */
export const payloadOf = async <Content>(
  channelId: string,
  ref: string,
  message: OutgoingMessage<Content>,
  seal: (content: Content) => Promise<Bytes>,
): Promise<MessagePayload> => {
  const { attachmentIds, hasAttachments, editKeyHash, expiresAt } = message;
  const { senderToken = randomBytes(), clientId = randomBytes() } = message;
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(channelId))
    throw invalid("The id of the channel is not a UUID. Pass an id that the relay returned.");
  const parts = {
    channel_id: channelId,
    sender_token: base64Of("senderToken", senderToken, 1, 64),
    client_id: base64Of("clientId", clientId, 16, 16),
    ref,
    ...(expiresAt !== undefined && { expires_at: timeOf(expiresAt) }),
    ...(attachmentIds && { attachment_ids: attachmentIds }),
    ...(hasAttachments !== undefined && { has_attachments: hasAttachments }),
    ...(editKeyHash !== undefined && {
      edit_key_hash: base64Of("editKeyHash", editKeyHash, 32, 32),
    }),
  };
  const body = message.body ?? (await seal(message.content as Content));
  const payload = { ...parts, encrypted_body: base64Of("body", body, 1, MOST_BODY_BYTES) };
  if (JSON.stringify(payload).length > MOST_FRAME_BYTES)
    throw invalid("The message is too large. Send fewer attachments with it.");
  return payload;
};

const invalid = (message: string) =>
  new HamrahApiError({ status: 0, code: "invalid_request", message });

/** Returns bytes as base64, if they are as many as the relay takes. */
const base64Of = (name: string, bytes: Bytes, least: number, most: number): string => {
  const { length } = typeof bytes === "string" ? decoded(name, bytes) : bytes;
  if (length >= least && length <= most) return toBase64(bytes);
  const range = least === most ? String(least) : `${least} to ${most}`;
  throw invalid(`${name} has ${length} bytes. Send ${range} bytes.`);
};

const decoded = (name: string, text: string): Uint8Array => {
  try {
    return fromBase64(text);
  } catch {
    throw invalid(`${name} is not base64. Send bytes or base64 in the standard alphabet.`);
  }
};

const timeOf = (time: Date | string): string => {
  const date = new Date(time);
  if (!Number.isNaN(date.getTime())) return typeof time === "string" ? time : date.toISOString();
  throw invalid("expiresAt is not a time. Send a Date or a time as in RFC 3339.");
};
