//! The inputs and effects of a hub.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::{ChannelAnswer, ChannelPush, HubRequest, PushAnswer};
use crate::relay::domain::live::frames::{ClientFrame, Notice, ServerFrame};
use crate::relay::model::ids::{ChannelId, ConnectionId};

/// The number of a socket. A hub never uses a number again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId(pub u64);

/// The number of a call of a hub. A repeated call has a new number, so only the answer to the last
/// one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

/// The owner of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SocketOwner {
    /// The account.
    pub account: UserId,
    /// The session.
    pub session: SessionId,
    /// When the proof of the connection expires.
    pub valid_until: Timestamp,
}

/// What a hub keeps of a connection. A later connection of the same session goes on from it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The connection.
    pub connection: ConnectionId,
    /// The owner.
    pub owner: SocketOwner,
    /// The channels that the socket reads, with the last sequence number that was written.
    pub channels: BTreeMap<ChannelId, i64>,
    /// When it was true.
    pub at: Timestamp,
}

/// The reasons to close a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// The session, its token or the account ended.
    Ended,
    /// The client did not read for too long.
    Behind,
    /// Nothing came from the client for too long.
    Silent,
    /// The server stops.
    Stopping,
    /// A frame of the client is too large.
    TooLarge,
    /// The client sent a binary frame.
    Binary,
}

impl CloseReason {
    /// Returns the code of the closing handshake.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Ended => 1008,
            Self::Behind => 1013,
            Self::Silent | Self::Stopping => 1001,
            Self::TooLarge => 1009,
            Self::Binary => 1003,
        }
    }

    /// Returns the reason of the closing handshake, in plain English.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ended => "The session has ended.",
            Self::Behind => "The client reads too slowly.",
            Self::Silent => "The client was silent for too long.",
            Self::Stopping => "The server stops. Connect again.",
            Self::TooLarge => "The frame is too large.",
            Self::Binary => "Only text frames are accepted.",
        }
    }
}

/// The sockets that a revocation closes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// Every socket of an account.
    Account(UserId),
    /// Every socket of a session.
    Session(SessionId),
}

impl Revoked {
    /// Returns true if the sockets of an owner are among them.
    #[must_use]
    pub fn covers(&self, owner: &SocketOwner) -> bool {
        match self {
            Self::Account(account) => owner.account == *account,
            Self::Session(session) => owner.session == *session,
        }
    }
}

/// An input of a hub.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HubInput {
    /// A socket opened.
    Connected {
        /// The socket.
        socket: SocketId,
        /// Its owner.
        owner: SocketOwner,
        /// The connection.
        connection: ConnectionId,
        /// The number of one-time prekeys that the account has left.
        prekeys_left: u32,
    },
    /// A socket survived a restart of the hub. Nothing is written, and its channels are asked when
    /// they push.
    Restored {
        /// The socket.
        socket: SocketId,
        /// What the hub wrote to it.
        trace: Trace,
    },
    /// The trace of a connection without a socket, after a restart of the hub.
    Kept(Trace),
    /// A client showed that it lives, without a frame that the hub saw.
    Alive {
        /// The socket.
        socket: SocketId,
        /// When it did.
        at: Timestamp,
    },
    /// A client sent a frame.
    Frame {
        /// The socket.
        socket: SocketId,
        /// The frame.
        frame: ClientFrame,
    },
    /// A socket closed.
    Closed {
        /// The socket.
        socket: SocketId,
        /// Whether the client closed it by a handshake. Then no later connection goes on from it.
        clean: bool,
    },
    /// A channel pushes. The effects contain one [`HubEffect::Answer`].
    Push {
        /// The channel.
        channel: ChannelId,
        /// The push.
        push: ChannelPush,
    },
    /// A call to a channel ended.
    Reply {
        /// The channel.
        channel: ChannelId,
        /// The call.
        call: CallId,
        /// The answer. `None`: there is none, and the call may have taken effect.
        answer: Option<ChannelAnswer>,
    },
    /// Writes news to every socket of accounts.
    Notify {
        /// The accounts.
        accounts: Vec<UserId>,
        /// The news.
        notice: Notice,
    },
    /// Closes sockets. When the step has ended, they get no frame any more.
    Kill(Revoked),
    /// The time of [`HubEffect::Wake`] has come.
    Tick,
    /// The server stops. Every socket is closed.
    Stop,
}

/// An effect of a hub. Effects are carried out in their order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HubEffect {
    /// Writes a frame to sockets.
    Write {
        /// The sockets.
        sockets: Vec<SocketId>,
        /// The frame.
        frame: ServerFrame,
    },
    /// Closes a socket. The hub has forgotten it.
    Close {
        /// The socket.
        socket: SocketId,
        /// The reason.
        reason: CloseReason,
    },
    /// Calls a channel. The end of the call is a [`HubInput::Reply`].
    Call {
        /// The channel.
        channel: ChannelId,
        /// The call.
        call: CallId,
        /// The request.
        request: HubRequest,
    },
    /// Answers the push of this step.
    Answer(PushAnswer),
    /// Takes back the frames of a channel that a socket has not got yet.
    TakeBack {
        /// The socket.
        socket: SocketId,
        /// The channel.
        channel: ChannelId,
    },
    /// Stores a trace, which replaces that of the same connection.
    Keep(Trace),
    /// Removes the trace of a connection.
    Discard(ConnectionId),
    /// Asks for a [`HubInput::Tick`] at a time. An earlier time replaces a later one.
    Wake(Timestamp),
}
