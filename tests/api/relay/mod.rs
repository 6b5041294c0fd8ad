//! The relay.

mod messages;
