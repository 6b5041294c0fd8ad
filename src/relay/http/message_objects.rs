//! Messages on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;
use crate::relay::model::channel::{ChannelEntry, ChannelMessage, EntryPage, GapReason};
use crate::relay::model::micros::Micros;

/// A message of a channel.
#[derive(Serialize, ToSchema)]
pub struct SealedMessage {
    /// The id of the message.
    #[schema(format = "uuid")]
    pub(super) id: String,
    /// The id of its channel.
    #[schema(format = "uuid")]
    pub(super) channel_id: String,
    /// The token of the sender, which members understand: base64.
    pub(super) sender_token: String,
    /// The sealed body: base64.
    pub(super) encrypted_body: String,
    /// The time, unique and rising within the channel.
    #[schema(format = "date-time")]
    pub(super) timestamp: String,
    /// When the message expires.
    #[schema(required, format = "date-time")]
    pub(super) expires_at: Option<String>,
    /// Whether the message has attachments.
    pub(super) has_attachments: bool,
    /// The sequence number within the channel, from 1 on. Edits and removals take numbers too.
    pub(super) seq: i64,
    /// Whether the body was edited.
    pub(super) edited: bool,
}

impl SealedMessage {
    /// Returns the message of a channel.
    #[must_use]
    pub fn new(channel: &str, message: ChannelMessage) -> Self {
        let expires_at = message.expires_at.map(Timestamp::from_millis);
        Self {
            id: message.id,
            channel_id: channel.to_owned(),
            sender_token: base64::encode_standard(message.sender_token.0),
            encrypted_body: base64::encode_standard(message.body.0),
            timestamp: message.placed.at.to_string(),
            expires_at: expires_at.map(|time| Micros::from(time).to_string()),
            has_attachments: message.has_attachments,
            seq: message.placed.seq,
            edited: message.edited,
        }
    }
}

/// A message that was edited after it was sent.
#[derive(Serialize, ToSchema)]
pub struct EditedMessage {
    /// The sequence number of the edit.
    seq: i64,
    /// The message in its present form.
    message: SealedMessage,
}

/// A message that was removed.
#[derive(Serialize, ToSchema)]
pub struct RemovedMessage {
    /// The sequence number of the removal.
    seq: i64,
    /// The id of the message.
    #[schema(format = "uuid")]
    message_id: String,
}

/// Sequence numbers of which nothing is left.
#[derive(Serialize, ToSchema)]
pub struct MessageGap {
    /// The first sequence number.
    from: i64,
    /// The last sequence number.
    to: i64,
    /// `expired`, `removed`, or `replaced` for an edit after which another one came.
    reason: &'static str,
}

/// The entries of a channel after a sequence number. Each later number up to `upto` is in a
/// message, an edit, a removal or a gap.
#[derive(Serialize, ToSchema)]
pub struct MessageLog {
    /// The messages, the oldest first.
    messages: Vec<SealedMessage>,
    /// The messages that were edited, in the order of the edits.
    edited: Vec<EditedMessage>,
    /// The messages that were removed, in the order of the removals.
    removed: Vec<RemovedMessage>,
    /// The sequence numbers of which nothing is left.
    gaps: Vec<MessageGap>,
    /// The last sequence number of this page. The next page begins after it.
    upto: i64,
    /// The last sequence number of the channel.
    head: i64,
}

impl MessageLog {
    /// Returns the page of a channel.
    #[must_use]
    pub fn new(channel: &str, page: EntryPage) -> Self {
        let mut log = Self {
            messages: Vec::new(),
            edited: Vec::new(),
            removed: Vec::new(),
            gaps: Vec::new(),
            upto: page.upto,
            head: page.head,
        };
        for entry in page.entries {
            match entry {
                ChannelEntry::Message(message) => {
                    log.messages.push(SealedMessage::new(channel, message));
                }
                ChannelEntry::Edited { seq, message } => log.edited.push(EditedMessage {
                    seq,
                    message: SealedMessage::new(channel, message),
                }),
                ChannelEntry::Removed { seq, message_id } => {
                    log.removed.push(RemovedMessage { seq, message_id });
                }
            }
        }
        log.gaps = page
            .gaps
            .iter()
            .map(|gap| MessageGap {
                from: gap.from,
                to: gap.to,
                reason: match gap.reason {
                    GapReason::Expired => "expired",
                    GapReason::Removed => "removed",
                    GapReason::Replaced => "replaced",
                },
            })
            .collect();
        log
    }
}

/// A page of history, or with `since` a page of the log.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum MessageListing {
    /// The messages, the newest first.
    History(Vec<SealedMessage>),
    /// The log after a sequence number.
    Log(MessageLog),
}
