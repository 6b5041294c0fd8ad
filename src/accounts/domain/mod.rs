//! Use cases of accounts, without HTTP and without SQL text.
//!
//! A use case reads the time once, at its start, and passes it down.

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
mod lifetimes;
pub mod maintenance;
pub mod passkeys;
pub mod passwords;
pub mod registration;
pub mod sign_in;
pub mod signed_in;
pub mod throttle;
pub mod tokens;
pub mod users;
pub mod verification;
pub mod webauthn;

use std::ops::Deref;
use std::sync::Arc;

use crate::accounts::domain::access_token::Signatures;
use crate::accounts::model::config::Config;
use crate::accounts::model::records::Caller;
use crate::accounts::store::export::ExportPart;
use crate::kernel::domain;
use crate::kernel::domain::compute::HashPermits;
use crate::kernel::model::events::EventContext;
use crate::kernel::store::Statement;

/// A function that returns statements of another system for the batch that deletes the account of
/// the `Caller`.
pub type BeforeDeletion = fn(Caller, &EventContext) -> Vec<Statement>;

/// The ports of accounts. Dereferences to the kernel's ports.
#[derive(Clone)]
pub struct Ports {
    /// The kernel's ports.
    pub kernel: domain::Ports,
    /// Signs and verifies access tokens.
    pub signatures: Arc<dyn Signatures>,
    /// Limits how many passwords are hashed at once (`PASSWORD_HASHES_AT_ONCE`).
    pub hash_permits: Arc<HashPermits>,
    /// The statements of other systems in the batch that deletes an account.
    pub before_deletion: Vec<BeforeDeletion>,
    /// The parts of other systems in the export of an account.
    pub export_parts: Vec<ExportPart>,
    /// The settings of accounts.
    pub config: Arc<Config>,
}

impl Deref for Ports {
    type Target = domain::Ports;

    fn deref(&self) -> &domain::Ports {
        &self.kernel
    }
}
