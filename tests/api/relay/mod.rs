//! The relay.

mod message_limits;
mod messages;
