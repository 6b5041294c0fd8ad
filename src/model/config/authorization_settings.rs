//! Reads what is configured about the authorization service.

use std::time::Duration;

use super::{InternalKey, Reader};

/// What is configured about the authorization service.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// `USER_TOKEN_TTL_SECONDS`.
    pub user_token_ttl: Duration,
    /// `SERVICE_TOKEN_TTL_SECONDS`.
    pub service_token_ttl: Duration,
    /// `TOKEN_RENEW_THRESHOLD_SECONDS`: with so much left or less, a call renews the token.
    pub renew_threshold: Duration,
    /// `BOOTSTRAP_SECRET`: makes the first administrator at the edge, once; unset: nobody can.
    bootstrap_secret: Option<InternalKey>,
}

impl Authorization {
    /// Whether one is configured.
    #[must_use]
    pub const fn has_bootstrap_secret(&self) -> bool {
        self.bootstrap_secret.is_some()
    }

    /// Whether `presented` is the bootstrap secret. Takes the same time for every wrong value.
    #[must_use]
    pub fn is_bootstrap_secret(&self, presented: &[u8]) -> bool {
        InternalKey::is_among(self.bootstrap_secret.as_slice(), presented)
    }
}

impl Reader<'_> {
    pub(super) fn authorization(&mut self, development: bool) -> Authorization {
        let user_token_ttl = self.seconds("USER_TOKEN_TTL_SECONDS", 300, Duration::from_hours(24));
        let service_token_ttl = self.seconds("SERVICE_TOKEN_TTL_SECONDS", 7 * 86400, Duration::from_hours(90 * 24));
        let renew_threshold = Duration::from_secs(u64::from(self.count("TOKEN_RENEW_THRESHOLD_SECONDS", 30, 0..=3600)));
        if renew_threshold >= user_token_ttl || renew_threshold >= service_token_ttl {
            self.problem("TOKEN_RENEW_THRESHOLD_SECONDS", "must be shorter than the tokens live");
        }
        let bootstrap_secret = self.bootstrap_secret(development);
        Authorization { user_token_ttl, service_token_ttl, renew_threshold, bootstrap_secret }
    }
}
