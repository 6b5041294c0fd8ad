//! Accounts: users, passkeys, passwords, other factors, sessions, tokens, devices, recovery and
//! export.
//!
//! Uses the kernel only.

pub mod domain;
pub mod face;
pub mod http;
pub mod model;
pub mod routes;
pub mod store;
