//! The Worker: fetch and cron events, over the bindings of its isolate.
//!
//! Router and configuration are made once per isolate and cloned per request. A configuration that is not usable is told in the log,
//! every problem of it, and every request gets a 503: nothing runs on half a configuration.

mod console;
mod d1;
mod outgoing;
mod ports;
mod rate_limits;

use std::cell::RefCell;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use futures_util::future::{Either, select};
use http::HeaderMap;
use http_body_util::BodyExt;
use tower::Service;
use wasm_bindgen::JsValue;
use worker::{Cf, Context, Delay, Env, Headers, HttpRequest, ScheduleContext, ScheduledEvent, event};

use crate::domain::rate_limit::{RateLimiter, Unlimited};
use crate::domain::{Ports, upkeep};
use crate::http::error::Code;
use crate::http::extract::{ClientAddress, ClientCountry};
use crate::http::respond;
use crate::http::router::router;
use crate::model::config::{Config, ConfigError, Environment};

/// The binding of the database in `wrangler.toml`.
const DATABASE: &str = "DB";
/// How long a request may take, body included; natively it is the same.
const REQUEST_TIME: Duration = Duration::from_secs(30);

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
    // What is there and no text, such as a truth value, must not pass for what is not there.
    let strange = RefCell::new(Vec::new());
    let lookup = |name: &str| {
        let value = js_sys::Reflect::get(env, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if let Some(number) = value.as_f64() {
            return Some(number.to_string());
        }
        if !value.is_undefined() && !value.is_string() {
            strange.borrow_mut().push(format!("{name} must be a text: write it in quotes"));
        }
        value.as_string()
    };
    let config = Config::read(&lookup);
    let mut problems = strange.into_inner();
    let config = match config {
        Ok(config) if problems.is_empty() => config,
        read => {
            problems.extend(read.err().into_iter().flat_map(|ConfigError(more)| more));
            return Err(ConfigError(problems).to_string());
        }
    };
    if config.secrets_keys.is_none() {
        tracing::warn!("SECRETS_KEY is not set: there is no TOTP");
    }
    let database = d1::D1::new(env, DATABASE).ok_or_else(|| format!("the D1 binding {DATABASE} is missing"))?;
    let ports = Ports {
        db: Arc::new(database),
        clock: Arc::new(ports::DateNow),
        entropy: Arc::new(ports::WebCrypto),
        limiter: limiter(env, &config)?,
        outgoing: Arc::new(outgoing::Fetcher),
        config: Arc::new(config),
    };
    Ok(Isolate { router: router(ports.clone()), ports })
}

/// What should count is there, or nothing starts.
fn limiter(env: &Env, config: &Config) -> Result<Arc<dyn RateLimiter>, String> {
    if !config.rate_limits {
        if config.environment == Environment::Production {
            tracing::warn!("RATE_LIMITS is off: requests are not counted by address");
        }
        return Ok(Arc::new(Unlimited));
    }
    Ok(Arc::new(rate_limits::Bindings::new(env)?))
}

/// A request.
#[event(fetch)]
async fn fetch(request: HttpRequest, env: Env, _context: Context) -> worker::Result<worker::Response> {
    whole(answer(request, &env).await).await
}

async fn answer(mut request: HttpRequest, env: &Env) -> Response {
    let Some(isolate) = isolate(env) else { return respond::unrouted(Code::Unavailable) };
    let address = client_address(request.headers());
    let country = request.extensions().get::<Cf>().and_then(Cf::country);
    request.extensions_mut().insert(ClientAddress(address));
    request.extensions_mut().insert(ClientCountry(country));
    let mut router = isolate.router.clone();
    if request.method().is_safe() {
        // It has no body to wait for, and needs no timer.
        return router.call(request).await.unwrap_or_else(|never| match never {});
    }
    match select(pin!(router.call(request)), pin!(Delay::from(REQUEST_TIME))).await {
        Either::Left((answered, _)) => answered.unwrap_or_else(|never| match never {}),
        // Its body did not come: the database has a limit of its own, which is shorter.
        Either::Right(_) => respond::unrouted(Code::RequestTimeout),
    }
}

/// The answer in one piece. As a stream, which is what the worker crate makes of it, each answer would cost workerd as much again.
async fn whole(answer: Response) -> worker::Result<worker::Response> {
    let (parts, body) = answer.into_parts();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), value.to_str().map_err(|_| worker::Error::from("a header that is no text"))?)?;
    }
    let bytes = body.collect().await.map_err(|error| worker::Error::from(error.to_string()))?.to_bytes();
    let made = worker::Response::builder().with_status(parts.status.as_u16()).with_headers(headers);
    Ok(if bytes.is_empty() { made.empty() } else { made.fixed(bytes.into()) })
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
