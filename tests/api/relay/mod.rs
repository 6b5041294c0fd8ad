//! The relay: accounts, keys, servers, channels and messages.

mod accounts;
mod blocks;
mod calls;
mod channels;
mod credentials;
mod direct_messages;
mod faults;
mod invites;
mod key_backups;
mod keys;
mod message_limits;
mod messages;
mod moderation;
mod prekey_model;
mod races;
mod sender_keys;
mod server_faults;
mod servers;
