//! Rate limits per IP address: the port of the platform's limiter.
//!
//! The limiter protects against floods and not against guessing. It forgets, counts separately in
//! each location, and allows requests that it cannot count. Guesses are throttled in the database.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

/// The class of requests that a request counts towards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateClass {
    /// Sign-ins, and other requests that make the service verify or store something for a caller
    /// without a session.
    SignIn,
    /// All other public requests.
    Public,
    /// Refused tokens of the authorization service. A request with a valid token does not count.
    RefusedToken,
}

/// Counts requests per IP address.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts a request from a network ([`crate::kernel::model::address::network`]). Returns the
    /// time to wait if the request exceeds the limit.
    ///
    /// A limiter that fails allows the request, so that its failure does not lock out all callers.
    async fn excess(&self, class: RateClass, network: IpAddr) -> Option<Duration>;
}

/// A rate limiter that allows every request (`RATE_LIMITS=off`).
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

#[async_trait]
impl RateLimiter for Unlimited {
    async fn excess(&self, _: RateClass, _: IpAddr) -> Option<Duration> {
        None
    }
}
