//! Use cases of the relay, without HTTP and without SQL text.

pub mod accounts;
pub mod channel_host;
pub mod channel_log;
pub mod channel_writer;
pub mod channels;
pub mod key_backup;
pub mod keys;
pub mod live;
pub mod maintenance;
pub mod membership;
pub mod messages;
mod ports;
pub mod proof_of_work;
pub mod server_channels;
pub mod servers;
pub mod sockets;
pub mod tags;
pub mod tasks;

pub use ports::{Channels, HubOrder, Hubs, Ports};

use std::time::Duration;

use crate::kernel::model::time::Timestamp;

/// The milliseconds of an hour.
const HOUR_MILLIS: i64 = 3_600_000;

/// Returns the time until counts by the hour begin again.
fn until_next_hour(now: Timestamp) -> Duration {
    let left = HOUR_MILLIS - now.millis().rem_euclid(HOUR_MILLIS);
    Duration::from_millis(u64::try_from(left).unwrap_or_default())
}
