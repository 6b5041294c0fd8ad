//! The ports of the relay.

use std::ops::Deref;
use std::sync::Arc;

use crate::accounts::face;
use crate::relay::model::config::Config;

/// The ports and settings that use cases of the relay need. Dereferences to the ports of accounts.
#[derive(Clone)]
pub struct Ports {
    /// The ports of accounts.
    pub accounts: face::Ports,
    /// The settings of the relay.
    pub config: Arc<Config>,
}

impl Deref for Ports {
    type Target = face::Ports;

    fn deref(&self) -> &face::Ports {
        &self.accounts
    }
}
