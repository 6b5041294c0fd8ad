//! Servers, their channels and members, as plain records.

use crate::kernel::model::ids::{UserId, uuid_id};
use crate::kernel::model::time::Timestamp;
use crate::relay::model::ids::ChannelId;

uuid_id! {
    /// The id of a server.
    ServerId
}
uuid_id! {
    /// The id of an invite.
    InviteId
}

/// The largest number of servers of an account.
pub const MOST_SERVERS: i64 = 100;
/// The largest number of channels of a server.
pub const MOST_CHANNELS: i64 = 200;
/// The largest number of members of a server.
pub const MOST_MEMBERS: i64 = 5_000;
/// The largest number of invites of a server.
pub const MOST_INVITES: i64 = 100;
/// The largest number of direct messages that an account opens, and of a page of them.
pub const MOST_DIRECT_MESSAGES: i64 = 1_000;
/// The largest number of blocks of an account.
pub const MOST_BLOCKS: i64 = 1_000;

/// The rank of a member of a server. A higher rank may do all that a lower one may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ServerRole {
    /// Reads and writes.
    Member,
    /// Also makes channels and invites, and removes members.
    Admin,
    /// Also changes roles and the server. Each server has one owner.
    Owner,
}

impl ServerRole {
    /// Returns the role as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads the stored form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// A server.
#[derive(Clone, Debug)]
pub struct ServerRecord {
    /// The id.
    pub id: ServerId,
    /// The sealed metadata, base64url.
    pub encrypted_meta: String,
    /// The owner.
    pub owner: UserId,
    /// The time of creation.
    pub created_at: Timestamp,
}

/// A channel of a server, or a direct message.
#[derive(Clone, Debug)]
pub struct ChannelRecord {
    /// The id.
    pub id: ChannelId,
    /// The server. `None`: a direct message.
    pub server: Option<ServerId>,
    /// The sealed metadata, base64url.
    pub encrypted_meta: String,
    /// The kind that clients chose, such as `text`.
    pub channel_type: String,
    /// The place among the channels of the server.
    pub position: i64,
    /// The time of creation.
    pub created_at: Timestamp,
}

/// An account in a list of members or blocks.
#[derive(Clone, Debug)]
pub struct ListedAccount {
    /// The account.
    pub user: UserId,
    /// The username.
    pub username: Option<String>,
    /// The name.
    pub display_name: Option<String>,
    /// The role, in a list of a server's members.
    pub role: Option<String>,
    /// When the account joined or was blocked.
    pub at: Timestamp,
}

/// An invite to a server.
#[derive(Clone, Debug)]
pub struct InviteRecord {
    /// The id.
    pub id: InviteId,
    /// The code.
    pub code: String,
    /// The server.
    pub server: ServerId,
    /// The largest number of uses.
    pub max_uses: Option<i64>,
    /// The number of uses.
    pub use_count: i64,
    /// The end.
    pub expires_at: Option<Timestamp>,
    /// The time of creation.
    pub created_at: Timestamp,
}

/// A sealed sender key that waits for its receiver.
#[derive(Clone, Debug)]
pub struct SenderKeyRecord {
    /// The id.
    pub id: String,
    /// The sender.
    pub from: UserId,
    /// The distribution to which the key belongs.
    pub distribution: String,
    /// The sealed key, base64url.
    pub encrypted_skdm: String,
    /// When the sender distributed it.
    pub created_at: Timestamp,
}

/// A page of a list: the place after which it begins, and its length.
#[derive(Clone, Copy, Debug)]
pub struct ListPage {
    /// The id of the last entry of the page before.
    pub after: Option<UserId>,
    /// The largest number of entries.
    pub limit: i64,
}

impl ListPage {
    /// Returns the text after which the ids of the page come.
    #[must_use]
    pub fn after_text(&self) -> String {
        self.after.map(|id| id.to_string()).unwrap_or_default()
    }
}
