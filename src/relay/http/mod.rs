//! The relay over HTTP. A handler parses the request, calls one use case and returns its result.

pub mod accounts;
mod body;
mod errors;
pub mod keys;
pub mod member;
pub mod message_objects;
pub mod messages;
pub mod objects;

use crate::relay::domain::Ports;

/// The state that all handlers of the relay share. Cloning is cheap.
#[derive(Clone)]
pub struct RelayState {
    /// The ports.
    pub ports: Ports,
}
