//! `hamrah-api serve`: migrations, maintenance in the background, the server, and an orderly stop.

use crate::accounts::model::secrets_key::SecretsKeys;
use crate::accounts::store::passwords;
use crate::accounts::store::totp;
use crate::app::config::Config;
use crate::app::maintenance;
use crate::app::ports::Adapters;
use crate::app::ports::Ports;
use crate::app::routes::router;
use crate::kernel::domain::HttpClient;
use crate::kernel::domain::rate_limit::RateLimiter;
use crate::kernel::domain::rate_limit::Unlimited;
use crate::kernel::http::middleware::cors;
use crate::kernel::model::config::Environment;
use crate::kernel::store::StoreError;
use crate::platform::native::accept::{Site, accept_until_stopped};
use crate::platform::native::channels::LocalChannels;
use crate::platform::native::http_client::Closed;
use crate::platform::native::http_client::Https;
use crate::platform::native::hubs::LocalHubs;
use crate::platform::native::migrations;
use crate::platform::native::origins::origin_problems;
use crate::platform::native::origins::origins_without_passkeys;
use crate::platform::native::pages::Pages;
use crate::platform::native::ports::Dalek;
use crate::platform::native::ports::SystemClock;
use crate::platform::native::ports::SystemEntropy;
use crate::platform::native::ports::Threads;
use crate::platform::native::rate_limits::InMemory;
use crate::platform::native::settings::NativeSettings;
use crate::platform::native::sqlite::Sqlite;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::signal;

const MAINTENANCE_INTERVAL: Duration = Duration::from_mins(1);
/// Maximum number of waiting connections. The system may allow fewer.
const WAITING: u32 = 4096;

/// Serves until SIGTERM or SIGINT.
pub(super) async fn serve(settings: NativeSettings) -> Result<(), Box<dyn Error>> {
    let database = Sqlite::open(&settings.database_url).await?;
    migrations::apply(database.pool()).await?;
    let channels = LocalChannels::open_beside(&settings.database_url).await?;
    let relay = &settings.config.relay;
    let hubs = LocalHubs::over(
        &channels,
        Arc::new(SystemClock),
        relay.hubs,
        relay.most_sockets,
    );
    let pool = database.pool().clone();
    let counted = settings
        .config
        .kernel
        .rate_limits
        .then(|| Arc::new(InMemory::new(settings.quotas)));
    let limiter: Arc<dyn RateLimiter> = match &counted {
        Some(counted) => counted.clone(),
        None => Arc::new(Unlimited),
    };
    let mut warnings = origin_problems(&settings.config);
    warnings.extend(origins_without_passkeys(&settings.config));
    warnings.extend(settings.misspelled.iter().map(ToString::to_string));
    let ports = Ports::new(
        Adapters {
            db: Arc::new(database),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            signatures: Arc::new(Dalek),
            limiter,
            http_client: http_client(&settings.config)?,
            compute: Arc::new(Threads),
            channels: Arc::new(channels),
            hubs: Arc::new(hubs.clone()),
            door: Arc::new(hubs.clone()),
        },
        settings.config,
    );
    // Before the first connection: a signal that nothing catches ends the process at once.
    let stop = stop_signal().map_err(|error| format!("cannot catch signals: {error}"))?;
    let listener = listen(settings.bind)
        .map_err(|error| format!("cannot listen on {} (BIND): {error}", settings.bind))?;
    let address = listener.local_addr()?;
    if ports.kernel.config.environment == Environment::Development {
        tracing::warn!("ENVIRONMENT is development: for this machine only");
    }
    tracing::info!("App Attest: {}", ports.accounts.config.attest);
    warn_of_lost_secrets(&ports).await?;
    if counted.is_none() && ports.kernel.config.environment == Environment::Production {
        tracing::warn!("RATE_LIMITS is off, so requests are not limited by address");
    }
    if ports.kernel.config.environment == Environment::Production
        && address.ip().is_loopback()
        && settings.proxies.is_empty()
    {
        tracing::warn!(
            "TRUSTED_PROXIES is not set: behind a proxy, limits and events have the proxy's address"
        );
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    for name in &settings.generated {
        tracing::info!("generated {name} for development and kept it in .dev.vars");
    }
    // Browsers offer no passkeys at an IP address.
    let shown = if address.ip().is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    tracing::info!(
        database = settings.database_url,
        "listening on {address}: http://{shown}, reference at http://{shown}/docs"
    );
    let pages = read_pages(&settings.pages, address.port());
    hubs.start(ports.relay.clone());
    tokio::spawn(run_maintenance(ports.clone(), counted));
    let site = Site {
        cors: cors::layer(&ports.kernel.config),
        router: router(ports),
        pages,
        proxies: Arc::new(settings.proxies),
    };
    let stop = async {
        stop.await;
        hubs.stop().await;
    };
    accept_until_stopped(&listener, &site, stop).await;
    pool.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reads the pages, and logs where they are.
fn read_pages(folder: &Path, port: u16) -> Pages {
    let pages = Pages::read(folder);
    if pages.is_empty() {
        let folder = folder.display();
        tracing::info!(
            %folder,
            "/account and /admin are not served, because the folder has no pages: `make pages` \
             builds them, and PAGES_DIR names their folder"
        );
    } else {
        // By name: passkeys belong to a domain, never to an address.
        tracing::info!(
            "account page at http://localhost:{port}/account, \
             admin page at http://localhost:{port}/admin"
        );
    }
    pages
}

/// Returns the client for other servers. It needs the machine's certificates only if the settings
/// name a server.
fn http_client(config: &Config) -> Result<Arc<dyn HttpClient>, String> {
    let asks_others =
        config.kernel.webhook.is_some() || config.accounts.passwords.breached_url.is_some();
    if !asks_others {
        return Ok(Arc::new(Closed));
    }
    let opened = Https::open().map_err(|error| {
        format!("WEBHOOK_URL and BREACHED_PASSWORDS_URL need certificates of this machine: {error}")
    })?;
    Ok(Arc::new(opened))
}

/// Warns of TOTP secrets and passwords under keys that are no longer configured.
async fn warn_of_lost_secrets(ports: &Ports) -> Result<(), StoreError> {
    let keys = ports.accounts.config.secrets_keys.as_ref();
    if keys.is_none() {
        tracing::warn!("SECRETS_KEY is not set, so TOTP is unavailable");
    }
    for (key, secrets) in totp::count_by_key(ports.kernel.db.as_ref()).await? {
        if !keys
            .into_iter()
            .flat_map(SecretsKeys::ids)
            .any(|id| id == key)
        {
            tracing::error!(
                key,
                secrets,
                "TOTP secrets are sealed with a key missing from SECRETS_KEY: \
                 their codes are refused"
            );
        }
    }
    for (key, passwords) in passwords::count_by_key(ports.kernel.db.as_ref()).await? {
        if key
            .as_deref()
            .is_some_and(|key| ports.accounts.config.passwords.pepper.of(key).is_none())
        {
            tracing::error!(
                key,
                passwords,
                "passwords were hashed with a key missing from PASSWORD_PEPPER: they are refused"
            );
        }
    }
    Ok(())
}

/// Listens with a long queue. The system drops a connection that finds the queue full, and the
/// client does not learn it.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

async fn run_maintenance(ports: Ports, counted: Option<Arc<InMemory>>) {
    let mut every = tokio::time::interval(MAINTENANCE_INTERVAL);
    loop {
        every.tick().await;
        if let Some(counted) = &counted {
            counted.forget_idle();
        }
        maintenance::run(&ports).await;
    }
}

/// Returns a future that ends at SIGTERM or SIGINT. The signals are caught from this call on, not
/// from the first time that the future runs.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Returns a future that ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
