//! The settings of all systems, read together.

use std::cell::RefCell;
use std::collections::BTreeSet;
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

/// The problem of a value in quotes.
pub(crate) const IN_QUOTES: &str =
    "is in quotes, which would be part of the value: leave the quotes out";

impl Config {
    /// Reads every setting through `lookup`, which returns `None` for a setting that is not set.
    ///
    /// # Errors
    /// All problems at once. Each problem names its setting and never a secret.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let in_quotes = RefCell::new(BTreeSet::new());
        let unquoted = |name: &str| {
            let value = lookup(name)?;
            let inner = without_quotes(&value);
            if inner.is_some() {
                in_quotes.borrow_mut().insert(name.to_owned());
            }
            inner.map(str::to_owned).or(Some(value))
        };
        let mut reader = Reader::new(&unquoted);
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
        for name in in_quotes.take() {
            reader.problem(&name, IN_QUOTES);
        }
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

/// Returns the text between quotes, or `None` if the value is not in quotes. Shells and `.dev.vars`
/// remove quotes, but consoles and files for containers keep them.
pub(crate) fn without_quotes(value: &str) -> Option<&str> {
    let value = value.trim();
    let pairs = ["\"\"", "''", "``", "“”", "‘’"];
    pairs.iter().find_map(|pair| {
        let mut quotes = pair.chars();
        let inner = value.strip_prefix(quotes.next()?)?;
        inner.strip_suffix(quotes.next()?)
    })
}

#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
