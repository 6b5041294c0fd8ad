//! Use cases: what the service does, without HTTP and without SQL text.
//!
//! A use case reads the time once, at its top, and passes it down. What it needs from the outside
//! stands in [`Ports`].

pub mod compute;
pub mod failure;
pub(crate) mod hmac;
pub mod maintenance;
mod outgoing;
pub mod rate_limit;
pub mod webhooks;

use std::net::IpAddr;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::kernel::model::config::Config;
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::EventId;
use crate::kernel::model::secret::SECRET_BYTES;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::Db;

use crate::kernel::domain::compute::Compute;
use crate::kernel::domain::rate_limit::RateLimiter;

pub use crate::kernel::domain::outgoing::{Get, NoAnswer, Outgoing, Post};

/// The time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The CSPRNG.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] if the platform has none to give; nothing may be made without.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The platform's source of randomness failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the platform gave no random bytes")]
pub struct NoEntropy;

/// What the kernel needs from the outside. Each system adds its own.
#[derive(Clone)]
pub struct Ports {
    /// The database.
    pub db: Arc<dyn Db>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The CSPRNG.
    pub entropy: Arc<dyn Entropy>,
    /// How often an address may ask.
    pub limiter: Arc<dyn RateLimiter>,
    /// The way out to other people's servers.
    pub outgoing: Arc<dyn Outgoing>,
    /// Where long work runs.
    pub compute: Arc<dyn Compute>,
    /// The configuration.
    pub config: Arc<Config>,
}

impl Ports {
    /// 32 fresh random bytes.
    pub(crate) fn secret(&self) -> Result<Zeroizing<[u8; SECRET_BYTES]>, NoEntropy> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        self.entropy.fill(bytes.as_mut_slice())?;
        Ok(bytes)
    }

    /// A fresh id.
    pub(crate) fn id<T>(&self, from_random: fn([u8; 16]) -> T) -> Result<T, NoEntropy> {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes)?;
        Ok(from_random(bytes))
    }

    /// Returns the context of an event that happens now, with the origin of the request.
    pub(crate) fn event_context(
        &self,
        origin: &RequestOrigin,
        now: Timestamp,
    ) -> Result<EventContext, NoEntropy> {
        Ok(EventContext {
            id: self.id(EventId::from_random)?,
            at: now,
            actor: origin.actor.clone(),
            address: origin
                .address
                .map(|address| address.to_canonical().to_string()),
            country: origin.country.clone(),
            user_agent: origin.user_agent.clone(),
            request_id: origin.request_id.clone(),
        })
    }
}

/// Where a request came from: what the event log keeps of it. Nothing here grants anything.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    /// `user`, or `service:<name>` for an internal call.
    pub actor: String,
    /// The client's network address, where the platform vouches for it.
    pub address: Option<IpAddr>,
    /// The country of that, ISO 3166-1 alpha-2, where the platform knows it.
    pub country: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: String,
}
