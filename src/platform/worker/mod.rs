//! The Worker: fetch and cron events, over the bindings of its isolate.
//!
//! Router and configuration are made once per isolate and cloned per request. A configuration that is not usable is told in the log,
//! every problem of it, and every request gets a 503: nothing runs on half a configuration.

mod console;
mod d1;
mod outgoing;
mod ports;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::Response;
use http::HeaderMap;
use tower::Service;
use worker::{Context, Env, HttpRequest, ScheduleContext, ScheduledEvent, event};

use crate::domain::{Ports, upkeep};
use crate::http::error::Code;
use crate::http::extract::ClientAddress;
use crate::http::respond;
use crate::http::router::router;
use crate::model::config::Config;

/// The binding of the database in `wrangler.toml`.
const DATABASE: &str = "DB";

struct Isolate {
    ports: Ports,
    router: Router,
}

fn isolate(env: &Env) -> Option<&'static Isolate> {
    static ISOLATE: OnceLock<Option<Isolate>> = OnceLock::new();
    ISOLATE
        .get_or_init(|| {
            console::install();
            start(env).map_err(|problem| tracing::error!(problem, "the Worker cannot start")).ok()
        })
        .as_ref()
}

fn start(env: &Env) -> Result<Isolate, String> {
    let lookup = |name: &str| env.var(name).map(|value| value.to_string()).ok();
    let config = Config::read(&lookup).map_err(|error| error.to_string())?;
    let database = env.d1(DATABASE).map_err(|_| format!("the D1 binding {DATABASE} is missing"))?;
    let ports = Ports {
        db: Arc::new(d1::D1::new(database)),
        clock: Arc::new(ports::DateNow),
        entropy: Arc::new(ports::WebCrypto),
        outgoing: Arc::new(outgoing::Fetcher),
        config: Arc::new(config),
    };
    Ok(Isolate { router: router(ports.clone()), ports })
}

/// A request.
#[event(fetch)]
async fn fetch(mut request: HttpRequest, env: Env, _context: Context) -> worker::Result<Response> {
    let Some(isolate) = isolate(&env) else { return Ok(respond::unrouted(Code::Unavailable)) };
    let address = client_address(request.headers());
    request.extensions_mut().insert(ClientAddress(address));
    let answered = isolate.router.clone().call(request).await;
    Ok(answered.unwrap_or_else(|never| match never {}))
}

/// The cron trigger, every minute.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let Some(isolate) = isolate(&env) else { return };
    upkeep::run(&isolate.ports).await;
}

/// Cloudflare sets this header itself and overwrites a client's.
fn client_address(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get("cf-connecting-ip")?.to_str().ok()?.parse().ok()
}
