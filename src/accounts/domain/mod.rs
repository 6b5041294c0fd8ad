//! Use cases of accounts, without HTTP and without SQL text.
//!
//! A use case reads the time once, at its top, and passes it down.

pub mod access_token;
pub mod activity;
pub mod app_attest;
pub mod authenticate;
pub mod cbor;
pub mod csrf;
pub mod derived;
pub mod devices;
pub mod export;
pub mod factors;
mod jwt;
pub mod passkeys;
pub mod passwords;
pub mod sign_in;
pub mod steps;
pub mod sweep;
pub mod throttle;
pub mod tokens;
pub mod users;
pub mod webauthn;

use std::ops::Deref;
use std::sync::Arc;

use crate::accounts::domain::access_token::Signatures;
use crate::accounts::model::config::Config;
use crate::kernel::domain;
use crate::kernel::domain::compute::Turns;

/// What use cases of accounts need from the outside. Dereferences to the kernel's ports.
#[derive(Clone)]
pub struct Ports {
    /// The kernel's ports.
    pub kernel: domain::Ports,
    /// Signs and verifies access tokens.
    pub signatures: Arc<dyn Signatures>,
    /// Limits how many passwords are hashed at once (`PASSWORD_HASHES_AT_ONCE`).
    pub hashing: Arc<Turns>,
    /// The settings of accounts.
    pub config: Arc<Config>,
}

impl Deref for Ports {
    type Target = domain::Ports;

    fn deref(&self) -> &domain::Ports {
        &self.kernel
    }
}
