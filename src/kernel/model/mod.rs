//! Ids, secrets, time, settings and plain records of the kernel. No I/O, no clock, no HTTP, no SQL.

pub mod address;
pub mod base64;
pub(crate) mod category;
pub mod config;
pub mod events;
pub mod ids;
pub mod key_ring;
pub mod normal_form;
pub mod origin;
pub mod secret;
pub mod strength;
pub mod text;
pub mod time;
pub mod webhook;
