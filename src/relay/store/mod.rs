//! Every SQL statement of the relay, a file per noun.

pub mod blocks;
pub mod bundles;
pub mod channels;
pub mod counts;
pub mod direct_messages;
pub mod export;
pub mod hubs;
pub mod invites;
pub mod key_backup;
pub mod keys;
pub mod members;
pub mod membership;
pub mod outbox;
pub mod pq_prekeys;
mod prekey_history;
pub mod prekeys;
pub mod sender_keys;
pub mod server_channels;
pub mod servers;
pub mod sockets;
pub mod task_ends;
pub mod users;

use crate::kernel::store::Value;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{InviteId, ServerId};

impl From<ServerId> for Value {
    fn from(id: ServerId) -> Self {
        Self::Text(id.to_string())
    }
}

impl From<ChannelId> for Value {
    fn from(id: ChannelId) -> Self {
        Self::Text(id.to_string())
    }
}

impl From<InviteId> for Value {
    fn from(id: InviteId) -> Self {
        Self::Text(id.to_string())
    }
}
