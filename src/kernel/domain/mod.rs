//! Use cases without HTTP and without SQL text.
//!
//! A use case reads the time once, at its start, and passes it down. [`Ports`] holds everything
//! that it needs from the outside.

pub mod compute;
pub mod failure;
pub(crate) mod hmac;
mod http_client;
mod live_sockets;
pub mod maintenance;
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

pub use crate::kernel::domain::http_client::{GetRequest, HttpClient, NoResponse, PostRequest};
pub use crate::kernel::domain::live_sockets::{LiveSockets, NoSockets};

/// A clock.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The CSPRNG.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] if the platform has no random bytes. The caller must then create no secret.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The platform's source of randomness failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the platform gave no random bytes")]
pub struct NoEntropy;

/// The ports of the kernel. Each system adds its own.
#[derive(Clone)]
pub struct Ports {
    /// The database.
    pub db: Arc<dyn Db>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The CSPRNG.
    pub entropy: Arc<dyn Entropy>,
    /// Limits the requests of an IP address.
    pub limiter: Arc<dyn RateLimiter>,
    /// Calls the servers of other organisations.
    pub http_client: Arc<dyn HttpClient>,
    /// Runs expensive computations.
    pub compute: Arc<dyn Compute>,
    /// The open sockets of accounts.
    pub sockets: Arc<dyn LiveSockets>,
    /// The configuration.
    pub config: Arc<Config>,
}

impl Ports {
    /// Returns 32 new random bytes.
    pub(crate) fn secret(&self) -> Result<Zeroizing<[u8; SECRET_BYTES]>, NoEntropy> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        self.entropy.fill(bytes.as_mut_slice())?;
        Ok(bytes)
    }

    /// Returns a new random id.
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

/// The origin of a request, as the event log keeps it. It grants no permission.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    /// `user`, or `service:<name>` for an internal call.
    pub actor: String,
    /// The IP address of the client, if the platform vouches for it.
    pub address: Option<IpAddr>,
    /// The country of the IP address (ISO 3166-1 alpha-2), if the platform knows it.
    pub country: Option<String>,
    /// The `User-Agent` header of the request.
    pub user_agent: Option<String>,
    /// The id of the request.
    pub request_id: String,
}
