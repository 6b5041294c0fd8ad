//! The inputs and effects of a hub, and the calls between a hub and a channel.
//!
//! A hub calls a channel to append and to read. A channel calls a hub to push and to evict. Every
//! call may be lost, repeated or late, so none of them relies on arriving once or in order.

use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::relay::model::channel::{
    Appended, ChannelEntry, ChannelRefusal, EntryPage, Gap, NewMessage,
};
use crate::relay::model::ids::ChannelId;

/// The number of a hub. The account of a socket decides it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HubId(pub u32);

/// The number of a socket. A hub never uses a number again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId(pub u64);

/// The number of a call of a hub. A repeated call has a new number, so only the answer to the last
/// one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

/// The owner of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SocketOwner {
    /// The account.
    pub account: UserId,
    /// The session.
    pub session: SessionId,
    /// When the proof of the connection expires.
    pub valid_until: Timestamp,
}

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
        /// The session.
        session: SessionId,
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
}

/// The reasons to close a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// The session, its token or the account ended.
    Ended,
    /// The client did not read for too long.
    Behind,
}

impl CloseReason {
    /// Returns the code of the closing handshake.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Ended => 1008,
            Self::Behind => 1013,
        }
    }
}

/// The sockets that a revocation closes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Revoked {
    /// Every socket of an account.
    Account(UserId),
    /// Every socket of a session.
    Session(SessionId),
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
    /// Every open socket of an account reads a channel without `Subscribe` and `Subscribed`: a
    /// direct message. A socket that reads it already goes on.
    Join {
        /// The account.
        account: UserId,
        /// The channel.
        channel: ChannelId,
        /// The last sequence number that the sockets do not need.
        since: Option<i64>,
    },
    /// Closes sockets. When the step has ended, they get no frame any more.
    Kill(Revoked),
    /// The time of [`HubEffect::Wake`] has come.
    Tick,
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
    /// Asks for a [`HubInput::Tick`] at a time. An earlier time replaces a later one.
    Wake(Timestamp),
}

/// A request of a hub to a channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HubRequest {
    /// The hub.
    pub hub: HubId,
    /// The life of the hub. It rises with each start, and the channel refuses an earlier life.
    pub life: u64,
    /// Whether the hub has subscribers and wants pushes.
    pub follows: bool,
    /// The generation of the hub's knowledge of members. `None`: it has none.
    pub generation: Option<u64>,
    /// The number of the last eviction that the hub has carried out.
    pub evicted_upto: u64,
    /// The last sequence number that the hub knows.
    pub head: i64,
    /// The operation.
    pub operation: HubOperation,
}

/// An operation of a hub on a channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HubOperation {
    /// Appends messages.
    Append(Vec<AppendItem>),
    /// Reads the entries after a sequence number, and asks which accounts are members. A hub
    /// without a generation gets entries only if one of them is.
    Pull {
        /// The accounts.
        accounts: Vec<UserId>,
        /// The sequence number.
        since: i64,
        /// The largest number of entries.
        limit: u32,
    },
}

/// A message to append. The channel does not keep the account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AppendItem {
    /// The account of the sender.
    pub account: UserId,
    /// The message.
    pub message: NewMessage,
}

/// The answer of a channel to a hub.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ChannelAnswer {
    /// The outcome for each message, in the order of the request.
    Appended {
        /// The outcomes.
        outcomes: Vec<Result<Appended, ChannelRefusal>>,
        /// The last sequence number of the channel.
        head: i64,
    },
    /// A page of entries.
    Page {
        /// The generation of the answer's knowledge of members.
        generation: Option<u64>,
        /// Those of the requested accounts that are members.
        members: Vec<UserId>,
        /// The entries.
        page: EntryPage,
    },
    /// Nothing was done. The hub has to evict accounts first, and repeats its call afterwards.
    EvictFirst(Eviction),
    /// Nothing was done. The channel no longer counts on the hub's knowledge of members, and
    /// the hub repeats its call without a generation.
    Forgotten,
}

/// The accounts that a hub has to evict from a channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Eviction {
    /// The number of the last removal of a member in it. It contains every earlier one that the hub
    /// has not confirmed.
    pub number: u64,
    /// The accounts.
    pub accounts: Vec<UserId>,
}

/// A push of a channel to a hub.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChannelPush {
    /// The number of the last request of the hub, which the answer repeats.
    pub touch: u64,
    /// The news.
    pub news: News,
}

/// The news of a push.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum News {
    /// New entries in their order, without holes.
    Entries(Vec<ChannelEntry>),
    /// The last sequence number of the channel. The hub pulls the entries that it does not have.
    Head(i64),
    /// Accounts to evict.
    Evict(Eviction),
}

/// The answer of a hub to a push.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PushAnswer {
    /// The number in the push.
    pub touch: u64,
    /// Whether the hub still follows the channel.
    pub follows: bool,
    /// The last sequence number that the hub knows. It pulls up to it by itself.
    pub head: i64,
    /// The number of the last eviction that the hub has carried out.
    pub evicted_upto: u64,
}
