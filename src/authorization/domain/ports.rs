//! The ports of the authorization service.

use std::ops::Deref;
use std::sync::Arc;

use crate::accounts::domain;
use crate::authorization::model::config::Config;

/// The ports and settings that use cases of the authorization service need. Dereferences to the
/// ports of accounts.
#[derive(Clone)]
pub struct Ports {
    /// The ports of accounts.
    pub accounts: domain::Ports,
    /// The settings of the authorization service.
    pub config: Arc<Config>,
}

impl Deref for Ports {
    type Target = domain::Ports;

    fn deref(&self) -> &domain::Ports {
        &self.accounts
    }
}
