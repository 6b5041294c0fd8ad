//! The relay: accounts, keys, servers and channels.

mod accounts;
mod blocks;
mod calls;
mod channels;
mod direct_messages;
mod faults;
mod invites;
mod keys;
mod races;
mod sender_keys;
mod server_faults;
mod servers;
