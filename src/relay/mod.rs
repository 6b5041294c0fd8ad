//! The relay: an end-to-end-encrypted message relay for the accounts of the service.
//!
//! It orders, keeps and delivers sealed bytes. Uses the kernel, and accounts through
//! [`crate::accounts::face`].

pub mod domain;
pub mod http;
pub mod model;
pub mod routes;
pub mod store;
