//! Plain records and values of accounts. No I/O, no clock, no HTTP, no SQL.

pub mod amr;
pub mod attest;
pub mod backup_code;
pub mod config;
pub mod credential_id;
pub mod email;
pub mod password;
pub mod records;
pub mod secrets_key;
pub mod signing_keys;
pub mod throttle;
pub mod typed_code;
