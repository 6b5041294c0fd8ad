//! Writes the frames for a client.

use std::borrow::Cow;

use serde::Serialize;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::model::ids::UserId;
use crate::relay::domain::channels::ChannelRejection;
use crate::relay::domain::live::frames::{FrameError, Notice, ServerFrame};
use crate::relay::http::frames::read::BadFrame;
use crate::relay::http::message_objects::SealedMessage;
use crate::relay::model::channel::{ChannelEntry, GapReason};
use crate::relay::model::ids::{ChannelId, ConnectionId};

/// The time between two pings of a client, in milliseconds.
pub const HEARTBEAT_INTERVAL_MS: u32 = 30_000;
/// The code of a frame that cannot be read.
const INVALID_FRAME: &str = "invalid_frame";
/// The code of a message that may be stored.
const UNAVAILABLE: &str = "unavailable";

/// A frame in the form of the wire: `type` and `payload`.
#[derive(Serialize)]
#[serde(tag = "type", content = "payload")]
enum WireFrame<'a> {
    Hello {
        session_id: ConnectionId,
        heartbeat_interval_ms: u32,
        prekeys_left: u32,
    },
    MessageAck {
        message_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        seq: i64,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    NewMessage(SealedMessage),
    MessageEdited {
        seq: i64,
        message_id: &'a str,
        channel_id: &'a str,
        encrypted_body: &'a str,
        timestamp: &'a str,
        sender_token: &'a str,
        expires_at: Option<String>,
        has_attachments: bool,
        message: &'a SealedMessage,
    },
    MessageDeleted {
        seq: i64,
        message_id: &'a str,
        channel_id: ChannelId,
    },
    Gap {
        channel_id: ChannelId,
        from: i64,
        to: i64,
        reason: GapReason,
    },
    Subscribed {
        channel_id: ChannelId,
        head: i64,
    },
    UserTyping {
        channel_id: ChannelId,
        ephemeral_token: &'a str,
    },
    MemberRemoved {
        channel_id: ChannelId,
        user_id: UserId,
    },
    Resumed {
        replayed_count: u32,
    },
    InvalidSession {},
    PrekeysLow {
        left: u32,
        used_last_resort: bool,
    },
    IdentityChanged {
        user_id: UserId,
    },
    SenderKeysUpdated {
        channel_id: ChannelId,
    },
    Pong,
    Error {
        message: Cow<'static, str>,
        code: &'static str,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
}

impl WireFrame<'_> {
    /// Returns the text. The frames hold only texts and numbers, so writing them cannot fail.
    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns the text of a frame for a client.
#[must_use]
pub fn write(frame: &ServerFrame) -> String {
    let wire = match frame {
        ServerFrame::Entry { channel, entry } => return write_entry(*channel, entry),
        ServerFrame::Hello {
            connection,
            prekeys_left,
        } => WireFrame::Hello {
            session_id: *connection,
            heartbeat_interval_ms: HEARTBEAT_INTERVAL_MS,
            prekeys_left: *prekeys_left,
        },
        ServerFrame::MessageAck {
            message_id,
            seq,
            label,
        } => WireFrame::MessageAck {
            message_id,
            client_id: label.client_id.clone(),
            seq: *seq,
            reference: label.reference.clone(),
        },
        ServerFrame::Gap { channel, gap } => WireFrame::Gap {
            channel_id: *channel,
            from: gap.from,
            to: gap.to,
            reason: gap.reason,
        },
        ServerFrame::Subscribed { channel, head } => WireFrame::Subscribed {
            channel_id: *channel,
            head: *head,
        },
        ServerFrame::Typing { channel, token } => WireFrame::UserTyping {
            channel_id: *channel,
            ephemeral_token: token,
        },
        ServerFrame::MemberRemoved { channel, account } => WireFrame::MemberRemoved {
            channel_id: *channel,
            user_id: *account,
        },
        ServerFrame::Resumed { replayed } => WireFrame::Resumed {
            replayed_count: *replayed,
        },
        ServerFrame::InvalidSession => WireFrame::InvalidSession {},
        ServerFrame::Notice(notice) => noticed(*notice),
        ServerFrame::Error { code, reference } => {
            let (code, message) = described(*code);
            WireFrame::Error {
                message,
                code,
                reference: reference.clone(),
            }
        }
        ServerFrame::Pong => WireFrame::Pong,
    };
    wire.text()
}

/// Returns the text of the `Error` for a frame that cannot be read.
#[must_use]
pub fn write_refusal(bad: &BadFrame) -> String {
    let error = WireFrame::Error {
        message: Cow::Owned(bad.detail.clone()),
        code: INVALID_FRAME,
        reference: bad.reference.clone(),
    };
    error.text()
}

/// Returns the text of an entry of a channel.
fn write_entry(channel: ChannelId, entry: &ChannelEntry) -> String {
    let name = channel.to_string();
    match entry {
        ChannelEntry::Message(message) => {
            WireFrame::NewMessage(SealedMessage::new(&name, message.clone())).text()
        }
        ChannelEntry::Edited { seq, message } => {
            let message = SealedMessage::new(&name, message.clone());
            let edited = WireFrame::MessageEdited {
                seq: *seq,
                message_id: &message.id,
                channel_id: &message.channel_id,
                encrypted_body: &message.encrypted_body,
                timestamp: &message.timestamp,
                sender_token: &message.sender_token,
                expires_at: message.expires_at.clone(),
                has_attachments: message.has_attachments,
                message: &message,
            };
            edited.text()
        }
        ChannelEntry::Removed { seq, message_id } => {
            let removed = WireFrame::MessageDeleted {
                seq: *seq,
                message_id,
                channel_id: channel,
            };
            removed.text()
        }
    }
}

/// Returns the frame of news about an account.
const fn noticed(notice: Notice) -> WireFrame<'static> {
    match notice {
        Notice::PrekeysLow {
            left,
            used_last_resort,
        } => WireFrame::PrekeysLow {
            left,
            used_last_resort,
        },
        Notice::IdentityChanged { account } => WireFrame::IdentityChanged { user_id: account },
        Notice::SenderKeysUpdated { channel } => WireFrame::SenderKeysUpdated {
            channel_id: channel,
        },
    }
}

/// Returns the code and the sentence of an error. Where a request can have the same error, they are
/// those of the request.
fn described(error: FrameError) -> (&'static str, Cow<'static, str>) {
    let error: ApiError = match error {
        FrameError::Unknown => ChannelRejection::Unknown.into(),
        FrameError::Conflict => ChannelRejection::Conflict.into(),
        FrameError::Expired => ChannelRejection::Expired.into(),
        FrameError::TooManyFrames => Code::TooManyAttempts.into(),
        FrameError::Busy => ApiError::detailed(
            Code::Busy,
            "Too many messages wait for the channel. Wait a moment and try again.",
        ),
        FrameError::Unavailable => {
            let sentence = "The message may be stored. Send it again with the same client_id.";
            return (UNAVAILABLE, Cow::Borrowed(sentence));
        }
    };
    (error.code.as_str(), error.sentence())
}
