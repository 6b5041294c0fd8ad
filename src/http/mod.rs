//! HTTP: the router, its gates, what handlers take and give, and how errors look.
//!
//! [`router`] is the table of contents. A handler parses, calls one use case, answers.

pub mod activity;
pub mod app_attestation;
mod assertion;
pub mod authorization;
mod code;
pub mod cookie;
pub mod credentials;
pub mod docs;
pub mod error;
pub mod export;
pub mod extract;
pub mod factors;
pub mod gate;
pub mod health;
pub mod internal;
pub mod objects;
pub mod openapi;
pub mod passwords;
pub mod reauthenticate;
pub mod recovery;
pub mod respond;
pub mod router;
pub mod sessions;
pub mod tokens;
pub mod users;
pub mod webauthn;
pub mod well_known;

use crate::domain::Ports;

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The way out: database, clock, entropy, configuration.
    pub ports: Ports,
}
