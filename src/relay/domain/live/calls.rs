//! The calls between a hub and a channel.
//!
//! A hub calls a channel to append and to read. A channel calls a hub to push and to evict. Every
//! call may be lost, repeated or late, so none of them relies on arriving once or in order.

use serde::{Deserialize, Serialize};

use crate::kernel::model::ids::UserId;
use crate::relay::model::channel::{Appended, ChannelEntry, ChannelRefusal, EntryPage, NewMessage};
use crate::relay::model::slots::{HubId, Slot};

/// A request of a hub to a channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct HubRequest {
    /// The hub.
    pub hub: HubId,
    /// The life of the hub. It rises with each start, and the channel refuses an earlier life.
    pub life: u64,
    /// The number of sockets that read the channel. A hub with readers wants pushes.
    pub readers: u32,
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Shows the other readers that an account types. Nothing is stored.
    Typing {
        /// The account.
        account: UserId,
    },
}

/// A message to append. The channel does not keep the account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AppendItem {
    /// The account of the sender.
    pub account: UserId,
    /// The message.
    pub message: NewMessage,
}

/// The answer of a channel to a hub.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelAnswer {
    /// The outcome for each message, in the order of the request.
    Appended {
        /// The outcomes.
        outcomes: Vec<Result<Appended, ChannelRefusal>>,
        /// The last sequence number of the channel.
        head: i64,
        /// In a direct message, the slots of its members. Empty in other channels.
        direct: Vec<Slot>,
    },
    /// The token of an account that types. `None`: no reader sees it, because the account is not
    /// a member or the channel has too many readers.
    Typing {
        /// The token.
        token: Option<String>,
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Eviction {
    /// The number of the last removal of a member in it. It contains every earlier one that the hub
    /// has not confirmed.
    pub number: u64,
    /// The accounts.
    pub accounts: Vec<UserId>,
    /// Whether the channel was destroyed, so that it has no members.
    pub everyone: bool,
}

/// A push of a channel to a hub.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChannelPush {
    /// The number of the last request of the hub, which the answer repeats.
    pub touch: u64,
    /// In a direct message, the sockets that read it without `Subscribe`.
    pub direct: Option<DirectReaders>,
    /// The news.
    pub news: News,
}

/// The sockets that read a direct message without `Subscribe`: those of its members. The channel
/// does not know the members, so the hub asks for each account in the slots whether it is one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DirectReaders {
    /// The slots of the members.
    pub slots: Vec<Slot>,
    /// The last sequence number that the sockets do not need.
    pub since: i64,
}

/// The news of a push.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// New entries in their order, without holes.
    Entries(Vec<ChannelEntry>),
    /// The last sequence number of the channel. The hub pulls the entries that it does not have.
    Head(i64),
    /// Accounts to evict.
    Evict(Eviction),
    /// An account types. The token names it.
    Typing(String),
}

/// The answer of a hub to a push.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PushAnswer {
    /// The number in the push.
    pub touch: u64,
    /// The number of sockets that read the channel. A hub without readers does not follow it.
    pub readers: u32,
    /// The last sequence number that the hub knows. It pulls up to it by itself.
    pub head: i64,
    /// The number of the last eviction that the hub has carried out.
    pub evicted_upto: u64,
}
