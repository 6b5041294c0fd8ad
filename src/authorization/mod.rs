//! Authorization: people, services, roles, permissions, grants and checks.
//!
//! Uses the kernel and accounts.

pub mod domain;
pub mod http;
pub mod model;
pub mod routes;
pub mod store;
