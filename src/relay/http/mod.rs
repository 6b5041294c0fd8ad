//! The relay over HTTP. A handler parses the request, calls one use case and returns its result.

pub mod accounts;
mod body;
pub mod credentials;
pub mod direct_messages;
pub mod door;
mod errors;
mod fields;
pub mod frames;
pub mod identity;
pub mod keys;
pub mod member;
pub mod message_objects;
pub mod messages;
pub mod objects;
pub mod pq_prekeys;
pub mod received;
pub mod sender_keys;
pub mod server_channels;
pub mod server_members;
pub mod servers;
pub mod sockets;

use crate::relay::domain::Ports;
use crate::relay::http::door::Door;

/// The state that all handlers of the relay share. Cloning is cheap.
#[derive(Clone)]
pub struct RelayState {
    /// The ports.
    pub ports: Ports,
    /// Opens sockets.
    pub door: Door,
}
