//! The HTTP interface of the authorization service (docs/AUTHORIZATION.md).
//!
//! Its conventions differ from those of accounts: ids are whole numbers, times are seconds since
//! 1970, a creation answers 201, and the member `error` holds the error code.

pub mod auth;
pub mod authzen;
pub mod changes;
pub mod check;
mod errors;
pub mod explain;
pub mod extract;
pub mod grants;
pub mod lost_factors;
pub mod middleware;
mod named;
pub mod oauth;
mod page;
pub mod people;
pub mod permissions;
pub mod person_grants;
pub mod refused_tokens;
mod respond;
pub mod roles;
pub mod services;
pub mod users;

pub use extract::TOKEN_HEADER;

use crate::authorization::domain::Ports;

/// The state that all handlers of the authorization service share. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The ports.
    pub ports: Ports,
}
