//! Accounts over HTTP. A handler parses the request, calls one use case and returns its result.

pub mod activity;
pub mod app_attestation;
pub mod assertion;
pub mod caller;
pub mod cookie;
pub mod cookie_writer;
pub mod credentials;
mod errors;
pub mod export;
pub mod factors;
pub mod internal;
pub mod objects;
pub mod passwords;
pub mod reauthenticate;
pub mod recovery;
pub mod sessions;
pub mod tokens;
pub mod users;
pub mod webauthn;
pub mod well_known;

use crate::accounts::domain::Ports;

/// The state that all handlers of accounts share. Cloning is cheap.
#[derive(Clone)]
pub struct AccountsState {
    /// The ports.
    pub ports: Ports,
}
