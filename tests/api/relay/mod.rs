//! The relay: accounts and keys.

mod accounts;
mod blocks;
mod channels;
mod direct_messages;
mod faults;
mod invites;
mod keys;
mod races;
mod sender_keys;
mod servers;
