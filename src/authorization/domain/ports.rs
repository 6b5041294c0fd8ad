//! What use cases of the authorization service need from the outside.

use std::ops::Deref;
use std::sync::Arc;

use crate::accounts::domain;
use crate::authorization::model::config::Config;

/// What use cases of the authorization service need from the outside. Dereferences to the ports of
/// accounts.
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
