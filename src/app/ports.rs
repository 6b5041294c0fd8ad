//! The ports of all systems.

use std::sync::Arc;

use crate::accounts::domain as accounts;
use crate::accounts::domain::access_token::Signatures;
use crate::accounts::domain::access_token::remembered::RememberedSignatures;
use crate::app::config::Config;
use crate::authorization::domain as authorization;
use crate::authorization::store::people;
use crate::kernel::domain as kernel;
use crate::kernel::domain::compute::{Compute, HashPermits};
use crate::kernel::domain::rate_limit::RateLimiter;
use crate::kernel::domain::{Clock, Entropy, HttpClient, LiveSockets, NoSockets};
use crate::kernel::store::Db;
use crate::relay::domain as relay;
use crate::relay::domain::sockets::SocketsOfHubs;
use crate::relay::domain::{Channels, Hubs};
use crate::relay::http::door::Door;
use crate::relay::store::export as relay_export;

/// The implementations that a platform provides.
#[derive(Clone)]
pub struct Adapters {
    /// The database.
    pub db: Arc<dyn Db>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The CSPRNG.
    pub entropy: Arc<dyn Entropy>,
    /// Signs and verifies access tokens.
    pub signatures: Arc<dyn Signatures>,
    /// Counts requests per address.
    pub limiter: Arc<dyn RateLimiter>,
    /// Calls other servers.
    pub http_client: Arc<dyn HttpClient>,
    /// Runs long work.
    pub compute: Arc<dyn Compute>,
    /// The objects of the relay's channels.
    pub channels: Arc<dyn Channels>,
    /// The relay's hubs.
    pub hubs: Arc<dyn Hubs>,
    /// Opens sockets.
    pub door: Door,
}

/// The ports of all systems.
#[derive(Clone)]
pub struct Ports {
    /// The kernel's ports.
    pub kernel: kernel::Ports,
    /// The ports of accounts.
    pub accounts: accounts::Ports,
    /// The ports of the authorization service.
    pub authorization: authorization::Ports,
    /// The ports of the relay.
    pub relay: relay::Ports,
    /// Opens sockets.
    pub door: Door,
}

impl Ports {
    /// Composes the ports of all systems from what the platform provides.
    #[must_use]
    pub fn new(adapters: Adapters, config: Config) -> Self {
        let sockets: Arc<dyn LiveSockets> = if config.relay.enabled {
            Arc::new(SocketsOfHubs {
                hubs: Arc::clone(&adapters.hubs),
                count: config.relay.hubs,
            })
        } else {
            Arc::new(NoSockets)
        };
        let kernel = kernel::Ports {
            db: adapters.db,
            clock: adapters.clock,
            entropy: adapters.entropy,
            limiter: adapters.limiter,
            http_client: adapters.http_client,
            compute: adapters.compute,
            sockets,
            config: config.kernel,
        };
        let accounts = accounts::Ports {
            kernel: kernel.clone(),
            signatures: Arc::new(RememberedSignatures::new(adapters.signatures)),
            hash_permits: HashPermits::new(config.accounts.passwords.at_once),
            before_deletion: vec![people::before_account_deletion],
            export_parts: relay_export::PARTS.to_vec(),
            config: config.accounts,
        };
        let authorization = authorization::Ports {
            accounts: accounts.clone(),
            config: config.authorization,
        };
        let relay = relay::Ports {
            accounts: accounts.clone(),
            channels: adapters.channels,
            hubs: adapters.hubs,
            config: config.relay,
        };
        Self {
            kernel,
            accounts,
            authorization,
            relay,
            door: adapters.door,
        }
    }
}
