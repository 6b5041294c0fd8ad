//! The relay: accounts, keys and messages.

mod accounts;
mod faults;
mod keys;
mod message_limits;
mod messages;
mod races;
