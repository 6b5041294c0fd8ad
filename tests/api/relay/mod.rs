//! The relay: accounts, keys, servers, channels and messages.

mod accounts;
mod blocks;
mod calls;
mod canaries;
mod channels;
mod credentials;
mod direct_messages;
mod faults;
mod invites;
mod key_backups;
mod keys;
mod message_changes;
mod message_faults;
mod message_limits;
mod messages;
mod moderation;
mod object_faults;
mod pq_prekeys;
mod prekey_model;
mod quotas;
mod races;
mod registration_invites;
mod removals;
mod sender_keys;
mod server_faults;
mod servers;
