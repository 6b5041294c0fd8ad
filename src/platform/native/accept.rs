//! Connections: accepted, served over HTTP/1.1, and closed in order.

use crate::kernel::http::error::Code;
use crate::kernel::http::extract::ClientAddress;
use crate::kernel::http::middleware::cors;
use crate::kernel::http::respond::REQUEST_TIME;
use crate::kernel::http::respond::unrouted;
use crate::kernel::model::address;
use crate::platform::native::answered::Answered;
use crate::platform::native::pages::Pages;
use crate::platform::native::patience::ConnectionHold;
use crate::platform::native::patience::PatientStream;
use crate::platform::native::places::Places;
use crate::platform::native::proxies::Proxies;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::future::{Either, select};
use http::Request;
use http::Version;
use http::header;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, UpgradeableConnection};
use hyper::service::HttpService;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::future::Future;
use std::future::poll_fn;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::Service;
use tower_http::cors::CorsLayer;

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

/// The API and the pages.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) router: Router,
    /// The CORS headers of answers that do not come from the router.
    pub(super) cors: Arc<CorsLayer>,
    pub(super) pages: Pages,
    pub(super) proxies: Arc<Proxies>,
}

pub(super) async fn accept_until_stopped(
    listener: &TcpListener,
    site: &Site,
    stop: impl Future<Output = ()>,
) {
    // The receivers are held by the connections, so the last one of them ends the wait.
    let (stopping, connections) = watch::channel(false);
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
                let (mut stopped, unread) = (connections.clone(), unread.clone());
                let site = site.clone();
                let hold = ConnectionHold::new((place, of_address));
                tokio::spawn(async move {
                    // The socket knows only after a moment that a request waits in it.
                    let _ = timeout(QUIET, stream.readable()).await;
                    let mut served = pin!(connection(stream, peer, site, hold));
                    let first = poll_fn(|context| Poll::Ready(served.as_mut().poll(context))).await;
                    drop(unread);
                    if first.is_pending() {
                        let stop = pin!(async { drop(stopped.wait_for(|stops| *stops).await) });
                        // A broken connection concerns only its client.
                        if let Either::Right(_) = select(served.as_mut(), stop).await {
                            served.as_mut().graceful_shutdown();
                            let _ = served.await;
                        }
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
        drop(connections);
        let _ = stopping.send(true);
        stopping.closed().await;
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
) -> UpgradeableConnection<
    TokioIo<Answered<PatientStream>>,
    impl HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send> + Send,
> {
    let stream = PatientStream::new(stream, hold.upgraded());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(hold.clone());
        answer(site.clone(), peer.ip(), request)
    });
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME);
    builder
        .serve_connection(TokioIo::new(Answered::new(stream)), service)
        .with_upgrades()
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
