//! The database of channels: at the edge one per object, natively one for all channels.
//!
//! The statements are the same on both targets, so every key begins with the channel.

pub mod entries;
pub mod expiry;
pub mod hubs;
pub mod log;
pub mod members;
pub mod schema;
