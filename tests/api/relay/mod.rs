//! The relay: accounts, keys, servers, channels and messages.

mod accounts;
mod blocks;
mod calls;
mod channels;
mod direct_messages;
mod faults;
mod invites;
mod keys;
mod message_limits;
mod messages;
mod races;
mod sender_keys;
mod server_faults;
mod servers;
