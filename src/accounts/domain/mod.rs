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
pub mod maintenance;
pub mod passkeys;
pub mod passwords;
pub mod sign_in;
pub mod steps;
pub mod throttle;
pub mod tokens;
pub mod users;
pub mod webauthn;

use std::ops::Deref;
use std::sync::Arc;

use crate::accounts::domain::access_token::Signatures;
use crate::accounts::model::config::Config;
use crate::accounts::model::records::Caller;
use crate::kernel::domain;
use crate::kernel::domain::compute::Turns;
use crate::kernel::model::events::EventContext;
use crate::kernel::store::Statement;

/// Statements of another system that belong into the batch that deletes the account of the session
/// `Caller`.
pub type BeforeDeletion = fn(Caller, &EventContext) -> Vec<Statement>;

/// What use cases of accounts need from the outside. Dereferences to the kernel's ports.
#[derive(Clone)]
pub struct Ports {
    /// The kernel's ports.
    pub kernel: domain::Ports,
    /// Signs and verifies access tokens.
    pub signatures: Arc<dyn Signatures>,
    /// Limits how many passwords are hashed at once (`PASSWORD_HASHES_AT_ONCE`).
    pub hashing: Arc<Turns>,
    /// What other systems do in the batch that deletes an account.
    pub before_deletion: Vec<BeforeDeletion>,
    /// The settings of accounts.
    pub config: Arc<Config>,
}

impl Deref for Ports {
    type Target = domain::Ports;

    fn deref(&self) -> &domain::Ports {
        &self.kernel
    }
}
