//! The Worker: fetch and cron events, over the bindings of its isolate.
//!
//! The router and the configuration are built once per isolate and cloned per request. If the
//! configuration is invalid, the log lists every problem and every request gets a 503.

mod binding;
mod channel_object;
mod console;
mod d1;
mod exchange;
mod hang_up;
mod http_client;
mod hub_core;
mod hub_effects;
mod hub_object;
mod hub_time;
mod object_storage;
mod objects;
mod ports;
mod rate_limits;
mod replicas;
mod signatures;

use std::cell::RefCell;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use futures_util::future::{Either, select};
use http::{Request, header};
use tower::Service;
use tower_http::cors::CorsLayer;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys;
use worker::{Context, Delay, Env, ScheduleContext, ScheduledEvent, event};

use crate::app::config::Config;
use crate::app::maintenance;
use crate::app::ports::{Adapters, Ports};
use crate::app::routes::router;
use crate::kernel::domain::rate_limit::{RateLimiter, Unlimited};
use crate::kernel::http::error::Code;
use crate::kernel::http::middleware::cors;
use crate::kernel::http::respond;
use crate::kernel::http::respond::REQUEST_TIME;
use crate::kernel::model::config::{ConfigError, Environment};
use crate::platform::worker::hang_up::{KeptAlive, OfClient};
use crate::platform::worker::objects::{ChannelObjects, HubObjects, Objects};

/// The binding of the database in `wrangler.toml`.
const DATABASE: &str = "DB";

struct Isolate {
    ports: Ports,
    router: Router,
    /// The CORS headers of answers that do not come from the router.
    cors: Arc<CorsLayer>,
}

fn isolate(env: &Env) -> Option<&'static Isolate> {
    static ISOLATE: OnceLock<Option<Isolate>> = OnceLock::new();
    ISOLATE
        .get_or_init(|| {
            console::install();
            start(env)
                .map_err(|problem| tracing::error!(problem, "the Worker cannot start"))
                .ok()
        })
        .as_ref()
}

fn start(env: &Env) -> Result<Isolate, String> {
    // A setting that is not text, such as a boolean, must not count as unset.
    let strange = RefCell::new(Vec::new());
    let lookup = |name: &str| {
        let value = js_sys::Reflect::get(env, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if let Some(number) = value.as_f64() {
            return Some(number.to_string());
        }
        if !value.is_undefined() && !value.is_string() {
            strange
                .borrow_mut()
                .push(format!("{name} must be text. Write its value in quotes"));
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
    if config.accounts.secrets_keys.is_none() {
        tracing::warn!("SECRETS_KEY is not set, so TOTP is unavailable");
    }
    let database = d1::D1::new(env, DATABASE)
        .ok_or_else(|| format!("the D1 binding {DATABASE} is missing"))?;
    let hubs = Arc::new(HubObjects(Objects::new(env, "HUBS")?));
    let ports = Ports::new(
        Adapters {
            db: Arc::new(database),
            clock: Arc::new(ports::DateNow),
            entropy: Arc::new(ports::WebCryptoEntropy),
            signatures: Arc::new(signatures::WebCryptoSignatures::new()),
            limiter: limiter(env, &config)?,
            http_client: Arc::new(http_client::Fetcher),
            compute: Arc::new(ports::InPlace),
            channels: Arc::new(ChannelObjects(Objects::new(env, "CHANNELS")?)),
            hubs: hubs.clone(),
            door: hubs,
        },
        config,
    );
    Ok(Isolate {
        cors: cors::layer(&ports.kernel.config),
        router: router(ports.clone()),
        ports,
    })
}

/// Returns the rate limiter. The error names the missing binding.
fn limiter(env: &Env, config: &Config) -> Result<Arc<dyn RateLimiter>, String> {
    if !config.kernel.rate_limits {
        if config.kernel.environment == Environment::Production {
            tracing::warn!("RATE_LIMITS is off, so requests are not limited by address");
        }
        return Ok(Arc::new(Unlimited));
    }
    Ok(Arc::new(rate_limits::Bindings::new(env)?))
}

/// Handles a request.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    let _kept_alive = KeptAlive::new(&context);
    exchange::outgoing(answer(&request, &env).await).await
}

async fn answer(request: &web_sys::Request, env: &Env) -> Response {
    let Some(isolate) = isolate(env) else {
        return respond::unrouted(Code::Unavailable);
    };
    let client = hang_up::of(request.signal());
    let Some(mut request) = exchange::incoming(request) else {
        return respond::unrouted(Code::BadRequest);
    };
    request.extensions_mut().insert(client.clone());
    let work = async {
        if isolate.ports.kernel.config.d1_replicas {
            replicas::answered(isolate, request).await
        } else {
            routed(isolate, request).await
        }
    };
    OfClient {
        client,
        future: Box::pin(work),
    }
    .await
}

async fn routed(isolate: &Isolate, request: Request<Body>) -> Response {
    let mut router = isolate.router.clone();
    if request.body().is_end_stream() {
        // A request without a body has nothing to wait for and needs no timer.
        return router
            .call(request)
            .await
            .unwrap_or_else(|never| match never {});
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    match select(pin!(router.call(request)), pin!(Delay::from(REQUEST_TIME))).await {
        Either::Left((answered, _)) => answered.unwrap_or_else(|never| match never {}),
        // The body did not arrive. The database cannot be the reason, because its limit is shorter.
        Either::Right(_) => {
            cors::add_to(
                &isolate.cors,
                origin,
                respond::unrouted(Code::RequestTimeout),
            )
            .await
        }
    }
}

/// Runs the maintenance jobs. The cron trigger calls this every minute.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let Some(isolate) = isolate(&env) else { return };
    maintenance::run(&isolate.ports).await;
}
