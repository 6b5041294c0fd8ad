//! The requests that a channel's object takes, and its replies.
//!
//! Two versions of this program run at the same time during a deployment, so each request carries
//! the version of its form. Every request may be repeated, because an answer can be lost.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::kernel::model::base64;
use crate::relay::model::micros::Micros;

/// The version of the requests and replies.
pub const PROTOCOL: u32 = 1;

/// The bytes of the hash of a message as it was sent.
const FINGERPRINT_BYTES: usize = 16;

/// Bytes that only clients can read. In JSON they are base64url.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SealedBytes(pub Vec<u8>);

impl From<Vec<u8>> for SealedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for SealedBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SealedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        base64::decode(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom("not base64"))
    }
}

/// A request to the object of a channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelRequest {
    /// The version of its form, [`PROTOCOL`].
    pub v: u32,
    /// The operation.
    pub operation: ChannelOperation,
}

impl ChannelRequest {
    /// Returns the request for an operation.
    #[must_use]
    pub const fn new(operation: ChannelOperation) -> Self {
        Self {
            v: PROTOCOL,
            operation,
        }
    }
}

/// An operation on a channel. Accounts, channels and messages are named by their ids.
///
/// The object keeps no account: it hashes the id of an account under a key of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelOperation {
    /// Adds members. A removal with the same version or a higher one stays.
    AddMembers {
        /// The channel.
        channel: String,
        /// The members.
        members: Vec<ChannelMember>,
        /// Whether the channel is a direct message. Its members read it without `Subscribe`.
        #[serde(default)]
        direct: bool,
    },
    /// Removes a member. Only an addition with a higher version brings the member back.
    RemoveMember {
        /// The channel.
        channel: String,
        /// The member.
        member: ChannelMember,
    },
    /// Asks whether an account is a member.
    IsMember {
        /// The channel.
        channel: String,
        /// The account.
        account: String,
    },
    /// Appends messages of one member.
    Append {
        /// The channel.
        channel: String,
        /// The account of the sender. The object does not keep it.
        account: String,
        /// The messages.
        messages: Vec<NewMessage>,
    },
    /// Reads the messages before a time, the newest first.
    Before {
        /// The channel.
        channel: String,
        /// The account of the reader.
        account: String,
        /// Only messages before this time. `None`: the newest.
        before: Option<Micros>,
        /// The largest number of messages.
        limit: u32,
    },
    /// Reads the entries after a sequence number, the oldest first.
    Since {
        /// The channel.
        channel: String,
        /// The account of the reader.
        account: String,
        /// The last sequence number that the reader has.
        since: i64,
        /// The largest number of entries.
        limit: u32,
    },
    /// Replaces the body of a message.
    Edit {
        /// The message.
        message: String,
        /// The account of a member. The object does not keep it.
        account: String,
        /// The secret whose hash came with the message.
        secret: SealedBytes,
        /// The new body.
        body: SealedBytes,
    },
    /// Removes a message.
    Remove {
        /// The message.
        message: String,
        /// The account of a member. The object does not keep it.
        account: String,
        /// The secret whose hash came with the message.
        secret: SealedBytes,
    },
    /// Asks which channel a message is in, as a member of the channel.
    Find {
        /// The message.
        message: String,
        /// The account of a member.
        account: String,
    },
    /// Removes a message for a caller whose right was checked elsewhere.
    RemoveByRight {
        /// The channel.
        channel: String,
        /// The message.
        message: String,
    },
    /// Removes the channel with its messages and members, for ever.
    Destroy {
        /// The channel.
        channel: String,
    },
}

impl ChannelOperation {
    /// Returns true if the operation may change entries, and so the time of the next expiry.
    #[must_use]
    pub const fn changes_entries(&self) -> bool {
        matches!(
            self,
            Self::Append { .. }
                | Self::Edit { .. }
                | Self::Remove { .. }
                | Self::RemoveByRight { .. }
                | Self::Destroy { .. }
        )
    }
}

/// A member with the version of the membership. Versions of an account in a channel rise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChannelMember {
    /// The account.
    pub account: String,
    /// The version, from 1 on.
    pub version: i64,
}

/// A message to append.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NewMessage {
    /// The id, which the client's own name for the message decides.
    pub id: String,
    /// A token of the sender that members understand.
    pub sender_token: SealedBytes,
    /// The sealed body.
    pub body: SealedBytes,
    /// When the message expires, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Whether the message has attachments.
    pub has_attachments: bool,
    /// The SHA-256 of the secret that edits and removes the message.
    pub edit_key_hash: Option<SealedBytes>,
}

impl NewMessage {
    /// Returns a hash of what the client sent: the token, the body, the secret's hash and the mark
    /// of attachments. A repeated request has the same one. The expiry is not part of it, because
    /// the longest life of a message moves with the clock.
    #[must_use]
    pub fn fingerprint(&self) -> Vec<u8> {
        let mut hasher = Sha256::new();
        let hash = self.edit_key_hash.as_ref();
        let parts = [
            Some(&self.sender_token.0),
            Some(&self.body.0),
            hash.map(|hash| &hash.0),
        ];
        for part in parts {
            let length = part.map_or(0, |part| part.len() + 1);
            hasher.update(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part.map(Vec::as_slice).unwrap_or_default());
        }
        hasher.update([u8::from(self.has_attachments)]);
        let mut hash = hasher.finalize().to_vec();
        hash.truncate(FINGERPRINT_BYTES);
        hash
    }
}

/// The place of a message in its channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// The sequence number, from 1 on.
    pub seq: i64,
    /// The time, unique and rising within the channel.
    pub at: Micros,
}

/// A message of a channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChannelMessage {
    /// The id.
    pub id: String,
    /// The place.
    pub placed: Placed,
    /// The token of the sender.
    pub sender_token: SealedBytes,
    /// The sealed body, as it was edited last.
    pub body: SealedBytes,
    /// When the message expires, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Whether the message has attachments.
    pub has_attachments: bool,
    /// Whether the body was edited.
    pub edited: bool,
}

/// An entry of a channel: each has a sequence number of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelEntry {
    /// A message.
    Message(ChannelMessage),
    /// A message that was edited by this entry, in its present form.
    Edited {
        /// The sequence number of the entry.
        seq: i64,
        /// The message.
        message: ChannelMessage,
    },
    /// A message that was removed by this entry.
    Removed {
        /// The sequence number of the entry.
        seq: i64,
        /// The id of the message.
        message_id: String,
    },
}

impl ChannelEntry {
    /// Returns the sequence number.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        match self {
            Self::Message(message) => message.placed.seq,
            Self::Edited { seq, .. } | Self::Removed { seq, .. } => *seq,
        }
    }
}

/// The reason why sequence numbers have no entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The entries expired.
    Expired,
    /// The messages were removed.
    Removed,
    /// A later edit replaced the edits.
    Replaced,
}

/// Sequence numbers without an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// The first sequence number.
    pub from: i64,
    /// The last sequence number.
    pub to: i64,
    /// The reason.
    pub reason: GapReason,
}

/// A page of entries, the oldest first. Each sequence number after the requested one up to `upto`
/// is in an entry or in a gap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<ChannelEntry>,
    /// The gaps.
    pub gaps: Vec<Gap>,
    /// The last sequence number of the page.
    pub upto: i64,
    /// The last sequence number of the channel.
    pub head: i64,
}

/// The reply of an object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelReply {
    /// The operation took effect, also if it did before.
    Done,
    /// Whether an account is a member.
    Member(bool),
    /// The outcome for each message, in the order of the request.
    Appended(Vec<Appended>),
    /// Messages, the newest first.
    Messages(Vec<ChannelMessage>),
    /// Entries, the oldest first.
    Entries(EntryPage),
    /// The edited message.
    Edited {
        /// The channel.
        channel: String,
        /// The message.
        message: ChannelMessage,
    },
    /// The channel of a message.
    Channel(String),
    /// The object refuses the operation.
    Refused(ChannelRefusal),
}

/// The outcome of appending one message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Appended {
    /// The message is stored, also if it was before.
    Stored {
        /// Its place.
        placed: Placed,
        /// When the message expires, in milliseconds since 1970.
        expires_at: Option<i64>,
    },
    /// The id names a message with another body.
    Conflict,
    /// The message expires in the past.
    Expired,
}

/// The reasons of an object not to do an operation.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Serialize,
    Deserialize,
    thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum ChannelRefusal {
    /// The channel or the message is unknown, or the account is not a member.
    #[error("the channel or message does not exist, or the account is not a member")]
    Unknown,
    /// The secret is not the message's.
    #[error("the secret is not the message's")]
    WrongSecret,
    /// The message was edited too often.
    #[error("the message was edited as often as it may")]
    TooManyEdits,
}
