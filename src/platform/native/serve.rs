//! `hamrah-api serve`: migrations, maintenance in the background, the server, and an orderly stop.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Request, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tower::Service;
use tower_http::cors::CorsLayer;

use crate::accounts::model::secrets_key::SecretsKeys;
use crate::accounts::store::{passwords, totp};
use crate::app::config::Config;
use crate::app::maintenance;
use crate::app::ports::{Adapters, Ports};
use crate::app::routes::router;
use crate::kernel::domain::HttpClient;
use crate::kernel::domain::rate_limit::{RateLimiter, Unlimited};
use crate::kernel::http::error::Code;
use crate::kernel::http::extract::ClientAddress;
use crate::kernel::http::middleware::cors;
use crate::kernel::http::respond::{REQUEST_TIME, unrouted};
use crate::kernel::model::address;
use crate::kernel::model::config::Environment;
use crate::kernel::store::StoreError;
use crate::platform::native::answered::Answered;
use crate::platform::native::channels::LocalChannels;
use crate::platform::native::http_client::{Closed, Https};
use crate::platform::native::hubs::LocalHubs;
use crate::platform::native::migrations;
use crate::platform::native::origins::{origin_problems, origins_without_passkeys};
use crate::platform::native::pages::Pages;
use crate::platform::native::patience::{ConnectionHold, PatientStream};
use crate::platform::native::places::Places;
use crate::platform::native::ports::{Dalek, SystemClock, SystemEntropy, Threads};
use crate::platform::native::proxies::Proxies;
use crate::platform::native::rate_limits::InMemory;
use crate::platform::native::settings::NativeSettings;
use crate::platform::native::sqlite::Sqlite;

const MAINTENANCE_INTERVAL: Duration = Duration::from_mins(1);
/// How long running requests may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long a connection may take to send a request's head, its first byte included.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// After the signal to stop, the server accepts waiting connections until none came for this long.
const QUIET: Duration = Duration::from_millis(100);
/// Maximum number of open connections, below the usual limit of 1024 open files. More connections
/// wait.
const CONNECTIONS: usize = 768;
/// Maximum number of open connections of one address. More are closed at once. A trusted proxy has
/// no such limit, because it connects for many clients.
const CONNECTIONS_PER_ADDRESS: usize = CONNECTIONS / 2;
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

/// The API and the pages.
#[derive(Clone)]
struct Site {
    router: Router,
    /// The CORS headers of answers that do not come from the router.
    cors: Arc<CorsLayer>,
    pages: Pages,
    proxies: Arc<Proxies>,
}

async fn accept_until_stopped(listener: &TcpListener, site: &Site, stop: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let of_addresses = Arc::new(Places::default());
    // A connection keeps a sender until it looked once for a request.
    let (unread, mut all_read) = mpsc::channel::<Infallible>(1);
    let accept_next = || async {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                let most = if site.proxies.trusts(peer.ip()) {
                    CONNECTIONS
                } else {
                    CONNECTIONS_PER_ADDRESS
                };
                let Some(of_address) = of_addresses.take(address::network(peer.ip()), most) else {
                    return;
                };
                let (watcher, unread) = (connections.watcher(), unread.clone());
                let site = site.clone();
                let hold = ConnectionHold::new((place, of_address));
                tokio::spawn(async move {
                    // The socket knows only after a moment that a request waits in it.
                    let _ = timeout(QUIET, stream.readable()).await;
                    let mut served = pin!(watcher.watch(connection(stream, peer, site, hold)));
                    let first = poll_fn(|context| Poll::Ready(served.as_mut().poll(context))).await;
                    drop(unread);
                    if first.is_pending() {
                        // A broken connection concerns only its client.
                        let _ = served.await;
                    }
                });
            }
            Err(error) => {
                // For example too many open files. The server can only wait a moment.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = accept_next() => {}
            () = &mut stop => break,
        }
    }
    tracing::info!("stopping: no new connections, waiting for requests under way");
    // A request runs once its client has sent it, also while its connection waits to be accepted.
    // These are read before idle connections are closed.
    let queued = async { while timeout(QUIET, accept_next()).await.is_ok() {} };
    let _ = timeout(10 * QUIET, queued).await;
    drop(unread);
    let drained = async {
        // Ends when the last sender is gone, because no one sends.
        all_read.recv().await;
        connections.shutdown().await;
    };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("running requests took too long and are cut off");
    }
}

/// Serves one connection of HTTP/1.1. A client that sends nothing, sends slowly or does not read
/// loses its connection.
///
/// There is no HTTP/2: browsers do not use it without TLS, and an idle connection would stay open.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    site: Site,
    hold: ConnectionHold,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = Box<dyn Error + Send + Sync>>
+ Send
+ 'static {
    let stream = PatientStream::new(stream, hold.upgraded());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(hold.clone());
        answer(site.clone(), peer.ip(), request)
    });
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME);
    builder
        .serve_connection_with_upgrades(TokioIo::new(Answered::new(stream)), service)
        .into_owned()
}

async fn answer(
    mut site: Site,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    // Exactly one Host or an authority, because cookies depend on it (RFC 9112 §3.2). HTTP/1.0,
    // which health checks still use, does not require a Host.
    let origin = request.headers().get(header::ORIGIN).cloned();
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let named = request.uri().authority().is_some() || request.version() < Version::HTTP_11;
    if hosts > 1 || (hosts == 0 && !named) {
        return Ok(cors::add_to(&site.cors, origin, unrouted(Code::BadRequest)).await);
    }
    if let Some(page) = site.pages.answer(&request).await {
        if page.status().is_server_error() {
            return Ok(cors::add_to(&site.cors, origin, page).await);
        }
        return Ok(page);
    }
    let mut request = request.map(Body::new);
    // The client's own claim about its address does not count.
    let forwarded: Vec<_> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    let client = site.proxies.client(peer, forwarded.into_iter());
    request.extensions_mut().insert(ClientAddress(Some(client)));
    let Ok(answered) = timeout(REQUEST_TIME, site.router.call(request)).await else {
        let mut late = unrouted(Code::RequestTimeout);
        late.headers_mut()
            .insert(header::CONNECTION, http::HeaderValue::from_static("close"));
        return Ok(cors::add_to(&site.cors, origin, late).await);
    };
    Ok(answered.unwrap_or_else(|never| match never {}))
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
