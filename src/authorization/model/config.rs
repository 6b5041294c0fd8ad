//! The settings of the authorization service.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::accounts::model::config;
use crate::kernel::model::config::{InternalKey, Reader};

/// The checked settings of the authorization service. Dereferences to the settings of accounts.
#[derive(Clone, Debug)]
pub struct Config {
    accounts: Arc<config::Config>,
    /// `USER_TOKEN_TTL_SECONDS`.
    pub user_token_ttl: Duration,
    /// `SERVICE_TOKEN_TTL_SECONDS`.
    pub service_token_ttl: Duration,
    /// `TOKEN_RENEW_THRESHOLD_SECONDS`: a request renews a token whose remaining lifetime is at
    /// most this long.
    pub renew_threshold: Duration,
    /// `BOOTSTRAP_SECRET`: authorizes one request that creates the first administrator. If unset,
    /// no request can.
    bootstrap_secret: Option<InternalKey>,
}

impl Deref for Config {
    type Target = config::Config;

    fn deref(&self) -> &config::Config {
        &self.accounts
    }
}

impl Config {
    /// Reads the settings of the authorization service. The reader collects the problems, also if
    /// the settings of accounts are unusable. In that case the result is `None`.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        accounts: Option<Arc<config::Config>>,
    ) -> Option<Self> {
        let user_token_ttl =
            reader.seconds("USER_TOKEN_TTL_SECONDS", 300, Duration::from_hours(24));
        let service_token_ttl = reader.seconds(
            "SERVICE_TOKEN_TTL_SECONDS",
            7 * 86400,
            Duration::from_hours(90 * 24),
        );
        let renew_threshold = Duration::from_secs(u64::from(reader.count(
            "TOKEN_RENEW_THRESHOLD_SECONDS",
            30,
            0..=3600,
        )));
        if renew_threshold >= user_token_ttl || renew_threshold >= service_token_ttl {
            reader.problem(
                "TOKEN_RENEW_THRESHOLD_SECONDS",
                "must be shorter than the tokens live",
            );
        }
        let bootstrap_secret = reader.bootstrap_secret(reader.is_development());
        Some(Self {
            accounts: accounts?,
            user_token_ttl,
            service_token_ttl,
            renew_threshold,
            bootstrap_secret,
        })
    }

    /// Returns whether a bootstrap secret is configured.
    #[must_use]
    pub const fn has_bootstrap_secret(&self) -> bool {
        self.bootstrap_secret.is_some()
    }

    /// Checks whether `presented` is the bootstrap secret. Takes the same time for every wrong
    /// value.
    #[must_use]
    pub fn is_bootstrap_secret(&self, presented: &[u8]) -> bool {
        InternalKey::is_among(self.bootstrap_secret.as_slice(), presented)
    }
}
