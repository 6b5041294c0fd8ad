//! The kernel: what has no subject of its own. Ids, secrets, time, the database port, errors, routes and middleware.
//!
//! The kernel uses no other system.

pub mod domain;
pub mod http;
pub mod model;
#[macro_use]
pub mod store;
