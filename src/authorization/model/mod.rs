//! Names and documents of the authorization service.

pub mod config;
pub mod names;
pub mod transfer;
