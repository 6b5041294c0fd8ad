//! The frames between a client and a hub. Their JSON is in `crate::relay::http::frames`.

use serde::{Deserialize, Serialize};

use crate::kernel::model::ids::UserId;
use crate::relay::model::channel::{ChannelEntry, Gap, NewMessage};
use crate::relay::model::ids::{ChannelId, ConnectionId};

/// A frame of a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ClientFrame {
    /// Sends a message.
    Send(SendFrame),
    /// Asks for the entries of a channel.
    Subscribe {
        /// The channel.
        channel: ChannelId,
        /// The last sequence number that the client has. `None`: only new entries.
        since: Option<i64>,
    },
    /// Ends a subscription.
    Unsubscribe {
        /// The channel.
        channel: ChannelId,
    },
    /// Confirms the entries of a channel up to a sequence number.
    Ack {
        /// The channel.
        channel: ChannelId,
        /// The last sequence number that the client has.
        seq: i64,
    },
    /// Shows the other readers of a channel that the account types.
    Typing {
        /// The channel.
        channel: ChannelId,
    },
    /// Asks for what an earlier connection missed.
    Resume {
        /// The earlier connection. `None`: the text of the client is no id.
        connection: Option<ConnectionId>,
    },
    /// Asks for a `Pong`.
    Ping,
}

/// A message to send.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SendFrame {
    /// The channel.
    pub channel: ChannelId,
    /// The message.
    pub message: NewMessage,
    /// The client's names for the message.
    pub label: SendLabel,
}

/// The names by which a client knows its message. The answer repeats them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct SendLabel {
    /// The `client_id`.
    pub client_id: Option<String>,
    /// The `ref`.
    pub reference: Option<String>,
}

/// A frame for a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ServerFrame {
    /// The first frame of a socket.
    Hello {
        /// The id of the connection, which a later one can resume.
        connection: ConnectionId,
        /// The number of one-time prekeys that the account has left.
        prekeys_left: u32,
    },
    /// A message is stored. One answer for each sent message, in the order of the frames.
    MessageAck {
        /// The id of the message.
        message_id: String,
        /// Its sequence number.
        seq: i64,
        /// The client's names for it.
        label: SendLabel,
    },
    /// An entry of a channel.
    Entry {
        /// The channel.
        channel: ChannelId,
        /// The entry.
        entry: ChannelEntry,
    },
    /// Sequence numbers without an entry.
    Gap {
        /// The channel.
        channel: ChannelId,
        /// The numbers.
        gap: Gap,
    },
    /// The socket has all entries up to the head and gets new ones.
    Subscribed {
        /// The channel.
        channel: ChannelId,
        /// The last sequence number that the socket has.
        head: i64,
    },
    /// Another account types in a channel.
    Typing {
        /// The channel.
        channel: ChannelId,
        /// Names the account for an hour and this channel, and says nothing else.
        token: String,
    },
    /// An account is no longer a member of a channel.
    MemberRemoved {
        /// The channel.
        channel: ChannelId,
        /// The account.
        account: UserId,
    },
    /// The socket has got everything that an earlier connection missed.
    Resumed {
        /// The number of entries that were written for it.
        replayed: u32,
    },
    /// The earlier connection is unknown, or of another session.
    InvalidSession,
    /// News about an account.
    Notice(Notice),
    /// A frame of the client had no effect.
    Error {
        /// The reason.
        code: FrameError,
        /// The `ref` of the frame.
        reference: Option<String>,
    },
    /// The answer to `Ping`.
    Pong,
}

/// The reasons why a frame of a client had no effect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FrameError {
    /// The channel is unknown, or the account is not a member.
    Unknown,
    /// The client's name for the message names another message.
    Conflict,
    /// The message expires in the past.
    Expired,
    /// The channel did not answer. The message may be stored, and the client may repeat it.
    Unavailable,
    /// Too many messages wait for the channel.
    Busy,
    /// The account sends too many frames.
    TooManyFrames,
}

/// News about an account for its own sockets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Few one-time prekeys are left.
    PrekeysLow {
        /// Their number.
        left: u32,
        /// Whether a bundle had the last-resort key, because none was left.
        used_last_resort: bool,
    },
    /// An account with which the owner shares a channel has a new identity key.
    IdentityChanged {
        /// The account.
        account: UserId,
    },
    /// Sender keys wait for the owner.
    SenderKeysUpdated {
        /// The channel.
        channel: ChannelId,
    },
}

impl ServerFrame {
    /// Returns the channel whose members may get the frame. `None`: it is the socket's own.
    #[must_use]
    pub const fn channel(&self) -> Option<ChannelId> {
        match self {
            Self::Entry { channel, .. }
            | Self::Gap { channel, .. }
            | Self::Subscribed { channel, .. }
            | Self::Typing { channel, .. } => Some(*channel),
            _ => None,
        }
    }
}
