//! The words everything else speaks: ids, secrets, time, configuration, plain records.
//!
//! Nothing here does I/O, reads a clock, or knows HTTP or SQL.

pub mod attest;
pub mod base64;
pub mod config;
pub mod credential_id;
pub mod email;
pub mod ids;
pub mod origin;
pub mod records;
pub mod secret;
pub mod signing_keys;
mod strength;
pub mod text;
pub mod time;
pub mod webhook;
