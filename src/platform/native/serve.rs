//! `hamrah-api serve`: migrations, the sweep in the background, the server, and an orderly end.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use tokio::net::TcpListener;
use tokio::signal;

use super::migrations;
use super::ports::{SystemClock, SystemEntropy};
use super::settings::Settings;
use super::sqlite::Sqlite;
use crate::domain::{Ports, sweep};
use crate::http::extract::ClientAddress;
use crate::http::router::router;

const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// How long requests that are under way may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// Serves until SIGTERM or SIGINT.
pub(super) async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let database = Sqlite::open(&settings.database_url).await?;
    migrations::apply(database.pool()).await?;
    let pool = database.pool().clone();
    let ports =
        Ports { db: Arc::new(database), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), config: Arc::new(settings.config) };
    let listener = TcpListener::bind(settings.bind).await?;
    let address = listener.local_addr()?;
    for name in &settings.generated {
        tracing::info!("generated {name} for development and kept it in .dev.vars");
    }
    tracing::info!(database = settings.database_url, "listening on http://{address}, reference at http://{address}/docs");
    tokio::spawn(sweep_forever(ports.clone()));

    let service = router(ports).layer(from_fn(peer_address)).into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop_signal().await;
        tracing::info!("stopping: no new connections, waiting for requests under way");
        let _ = stopping.send(true);
    });
    tokio::select! {
        ended = server.into_future() => ended?,
        () = async {
            let _ = stopped.changed().await;
            tokio::time::sleep(DRAIN).await;
        } => tracing::warn!("requests were still under way and are cut off"),
    }
    pool.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The peer is the client: what a client says about its own address is not believed.
async fn peer_address(mut request: Request, next: Next) -> axum::response::Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

async fn sweep_forever(ports: Ports) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        match sweep::sweep(&ports).await {
            Ok(swept) if swept == sweep::Swept::default() => {}
            Ok(swept) => tracing::info!(?swept, "swept"),
            Err(error) => tracing::error!(%error, "the sweep failed"),
        }
    }
}

async fn stop_signal() {
    let interrupt = async {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
