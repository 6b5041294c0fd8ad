//! The rate limiter of the Worker: one rate-limiting binding of Cloudflare for each class. The
//! limits are in `wrangler.toml`.
//!
//! Each Cloudflare location counts for itself. A call of the binding is not a network request.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use worker::send::SendFuture;
use worker::{Delay, Env, RateLimiter as Binding};

use crate::kernel::domain::rate_limit::{RateClass, RateLimiter};

/// The bindings in `wrangler.toml`.
const SIGN_IN: &str = "SIGN_IN_RATE_LIMITER";
const PUBLIC: &str = "PUBLIC_RATE_LIMITER";
const REFUSED_TOKENS: &str = "REFUSED_TOKENS_RATE_LIMITER";
/// How long a binding may take. It counts in memory, so this is short.
const PATIENCE: Duration = Duration::from_millis(500);
/// The wait in `Retry-After`. The binding does not return one, so this is the longer of its two
/// periods.
const PERIOD: Duration = Duration::from_mins(1);

/// The three bindings.
pub(super) struct Bindings {
    sign_in: Binding,
    public: Binding,
    refused_tokens: Binding,
}

impl Bindings {
    /// Returns the three bindings.
    ///
    /// # Errors
    /// The name of the missing binding.
    pub(super) fn new(env: &Env) -> Result<Self, String> {
        let binding = |name: &str| {
            env.rate_limiter(name)
                .map_err(|_| format!("the rate-limiting binding {name} is missing"))
        };
        Ok(Self {
            sign_in: binding(SIGN_IN)?,
            public: binding(PUBLIC)?,
            refused_tokens: binding(REFUSED_TOKENS)?,
        })
    }
}

#[async_trait]
impl RateLimiter for Bindings {
    async fn excess(&self, class: RateClass, network: IpAddr) -> Option<Duration> {
        let binding = match class {
            RateClass::SignIn => &self.sign_in,
            RateClass::Public => &self.public,
            RateClass::RefusedToken => &self.refused_tokens,
        };
        // Promises of JavaScript are not Send, but the Worker has one thread.
        let allowed = SendFuture::new(async {
            let (asked, patience) = (
                pin!(binding.limit(network.to_string())),
                pin!(Delay::from(PATIENCE)),
            );
            match select(asked, patience).await {
                Either::Left((outcome, _)) => outcome
                    .map(|outcome| outcome.success)
                    .map_err(|error| error.to_string()),
                Either::Right(_) => Err("no answer in time".to_owned()),
            }
        })
        .await;
        match allowed {
            Ok(true) => None,
            Ok(false) => Some(PERIOD),
            Err(error) => {
                tracing::warn!(error, "a request is not counted by address");
                None
            }
        }
    }
}
