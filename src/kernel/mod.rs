//! The kernel: ids, secrets, time, the database port, errors, routes and middleware, which every
//! system uses and none owns.
//!
//! The kernel uses no other system.

pub mod domain;
pub mod http;
pub mod model;
#[macro_use]
pub mod store;
