//! The words everything else speaks: ids, secrets, time, configuration, plain records.
//!
//! Nothing here does I/O, reads a clock, or knows HTTP or SQL.

pub mod address;
pub mod amr;
pub mod attest;
pub mod authorization;
pub mod backup_code;
pub mod base64;
pub mod config;
pub mod credential_id;
pub mod email;
pub mod ids;
mod key_ring;
pub mod origin;
pub mod password;
pub mod records;
pub mod secret;
pub mod secrets_key;
pub mod signing_keys;
mod strength;
pub mod text;
pub mod throttle;
pub mod time;
pub mod transfer;
pub mod webhook;
