//! How often an address may ask: the port of the limiter, which the platform has.
//!
//! It keeps floods off; it does not keep guesses off, because it forgets, counts in each place for
//! itself and lets through what it cannot count. What can be guessed is throttled in the database:
//! [`crate::accounts::domain::throttle`].

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

/// What a request is counted as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateClass {
    /// Signing in, and whatever else somebody who is not signed in can make the service verify or
    /// keep.
    SignIn,
    /// Everything else that is public.
    Public,
}

/// Counts requests by address.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts a request from a network, as [`crate::kernel::model::address::network`] gives it;
    /// says how long to wait if it is one too many.
    ///
    /// A limiter that fails lets the request through: it must not be what locks everybody out.
    async fn excess(&self, class: RateClass, network: IpAddr) -> Option<Duration>;
}

/// A limiter that lets everything through: `RATE_LIMITS=off`.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

#[async_trait]
impl RateLimiter for Unlimited {
    async fn excess(&self, _: RateClass, _: IpAddr) -> Option<Duration> {
        None
    }
}
