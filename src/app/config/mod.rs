//! The settings of all systems, read together.

use std::sync::Arc;

use crate::accounts::model::config as accounts;
use crate::authorization::model::config as authorization;
use crate::kernel::model::config as kernel;
use crate::kernel::model::config::{ConfigError, Reader};
use crate::relay::model::config as relay;

/// The checked settings of all systems.
#[derive(Clone, Debug)]
pub struct Config {
    /// The settings of the kernel.
    pub kernel: Arc<kernel::Config>,
    /// The settings of accounts.
    pub accounts: Arc<accounts::Config>,
    /// The settings of the authorization service.
    pub authorization: Arc<authorization::Config>,
    /// The settings of the relay.
    pub relay: Arc<relay::Config>,
}

impl Config {
    /// Reads every setting through `lookup`, which returns `None` for a setting that is not set.
    ///
    /// # Errors
    /// All problems at once. Each problem names its setting and never a secret.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        if reader.environment.is_none() {
            // The defaults and the rules of other settings depend on it.
            return Err(ConfigError(reader.problems));
        }
        let kernel = Arc::new(kernel::Config::read(&mut reader));
        let accounts = accounts::Config::read(&mut reader, Arc::clone(&kernel)).map(Arc::new);
        // Every system reads its settings, so that all problems are reported at once.
        let authorization =
            authorization::Config::read(&mut reader, accounts.clone()).map(Arc::new);
        let relay = relay::Config::read(&mut reader, accounts.clone()).map(Arc::new);
        match (accounts, authorization, relay) {
            (Some(accounts), Some(authorization), Some(relay)) if reader.problems.is_empty() => {
                Ok(Self {
                    kernel,
                    accounts,
                    authorization,
                    relay,
                })
            }
            _ => Err(ConfigError(reader.problems)),
        }
    }
}

#[cfg(test)]
mod tests;
