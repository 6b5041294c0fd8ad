//! Sends one kind of request several times. `benches/instructions.mjs` counts the processor's
//! instructions.
//!
//! `instructions OPERATION TIMES`. The real router with the native adapters, over SQLite in memory,
//! on one thread beside SQLite's own; no network. The clock never advances and randomness is a
//! series of numbers, so that every run does the same work.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use hamrah_api::accounts::model::signing_keys::{SigningKey, SigningKeys};
use hamrah_api::app::config::Config;
use hamrah_api::app::ports::{Adapters, Ports};
use hamrah_api::app::routes::router;
use hamrah_api::kernel::domain::rate_limit::Unlimited;
use hamrah_api::kernel::domain::{
    Clock, Entropy, GetRequest, HttpClient, NoEntropy, NoResponse, PostRequest,
};
use hamrah_api::kernel::http::extract::ClientAddress;
use hamrah_api::kernel::model::base64;
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::platform::native::channels::LocalChannels;
use hamrah_api::platform::native::hubs::LocalHubs;
use hamrah_api::platform::native::sqlite::Sqlite;
use hamrah_api::platform::native::{Dalek, Threads, migrations};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

type Failure = Box<dyn Error>;

const INTERNAL_KEY: &str = "instructions-Key-4Tq8zVn2Lw6xRb1c";

/// Returns a key, which is equal in every run.
fn key(first: u8) -> SigningKey {
    let mut next = first;
    SigningKey::from_seed(std::array::from_fn(|_| {
        next = next.wrapping_mul(5).wrapping_add(7);
        next
    }))
}

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

/// Returns other bytes at every call, and equal ones in every run.
struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in buffer.chunks_mut(8) {
            let mixed = self
                .0
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            for (byte, random) in chunk.iter_mut().zip(mixed.to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}

struct NoWayOut;

#[async_trait]
impl HttpClient for NoWayOut {
    async fn post(&self, _: PostRequest<'_>) -> Result<u16, NoResponse> {
        Err(NoResponse::Unreachable)
    }

    async fn get(&self, _: GetRequest<'_>) -> Result<String, NoResponse> {
        Err(NoResponse::Unreachable)
    }
}

struct Api(Router);

impl Api {
    async fn start() -> Result<Self, Failure> {
        let keys = SigningKeys::single(key(1)).to_json();
        let config = Config::read(&|name| match name {
            "ENVIRONMENT" => Some("development".to_owned()),
            "INTERNAL_API_KEY" => Some(INTERNAL_KEY.to_owned()),
            "JWT_SIGNING_KEYS" => Some(keys.clone()),
            _ => None,
        })?;
        let database = Sqlite::open("sqlite::memory:").await?;
        migrations::apply(database.pool()).await?;
        let channels = LocalChannels::open(
            "sqlite::memory:",
            Arc::new(StandingClock),
            Arc::new(CountingEntropy(AtomicU64::new(1))),
        )
        .await?;
        let hubs = LocalHubs::over(&channels, Arc::new(StandingClock), 1, 1);
        Ok(Self(router(Ports::new(
            Adapters {
                db: Arc::new(database),
                clock: Arc::new(StandingClock),
                entropy: Arc::new(CountingEntropy(AtomicU64::new(1))),
                signatures: Arc::new(Dalek),
                limiter: Arc::new(Unlimited),
                http_client: Arc::new(NoWayOut),
                compute: Arc::new(Threads),
                channels: Arc::new(channels),
                hubs: Arc::new(hubs.clone()),
                door: Arc::new(hubs),
            },
            config,
        ))))
    }

    async fn send(
        &self,
        request: http::request::Builder,
        body: Body,
        expected: StatusCode,
    ) -> Result<Vec<u8>, Failure> {
        let client = ClientAddress(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let request = request
            .header(header::HOST, "localhost")
            .extension(client)
            .body(body)?;
        let answer = self.0.clone().oneshot(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes().to_vec();
        if status == expected {
            Ok(body)
        } else {
            Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-internal-service", "hamrah-app")
            .header("x-internal-key", INTERNAL_KEY);
        Ok(serde_json::from_slice(
            &self
                .send(request, body.to_string().into(), StatusCode::OK)
                .await?,
        )?)
    }

    async fn get(
        &self,
        path: &str,
        name: header::HeaderName,
        value: &str,
        expected: StatusCode,
    ) -> Result<(), Failure> {
        self.send(
            Request::get(path).header(name, value),
            Body::empty(),
            expected,
        )
        .await
        .map(drop)
    }
}

fn text(answer: &Value, pointer: &str) -> Result<String, Failure> {
    Ok(answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("no {pointer} in {answer}"))?
        .to_owned())
}

/// Returns a token with the signature of another key.
fn forged(token: &str) -> Result<String, Failure> {
    let (message, _) = token.rsplit_once('.').ok_or("no token")?;
    let signature = key(2).sign(message.as_bytes()).ok_or("no signature")?;
    Ok(format!("{message}.{}", base64::encode(signature)))
}

async fn run(operation: &str, times: u32) -> Result<(), Failure> {
    let api = Api::start().await?;
    let person = json!({
        "email": "ada@example.com", "name": "Ada", "auth_method": "google", "provider": "google", "provider_id": "1", "platform": "web",
    });
    let user = text(&api.post("/api/internal/users", &person).await?, "/user/id")?;
    let session = api
        .post(
            "/api/internal/sessions",
            &json!({ "user_id": user, "platform": "web" }),
        )
        .await?;
    let cookie = format!("session={}", text(&session, "/session_token")?);
    let pair = api
        .post(
            "/api/internal/tokens",
            &json!({ "user_id": user, "platform": "api" }),
        )
        .await?;
    let access = text(&pair, "/access_token")?;
    let good = format!("Bearer {access}");
    let bad = format!("Bearer {}", forged(&access)?);
    let mut refresh = text(&pair, "/refresh_token")?;
    for _ in 0..times {
        match operation {
            "health" => {
                api.get("/health", header::ACCEPT, "*/*", StatusCode::OK)
                    .await?;
            }
            "forged" => {
                api.get(
                    "/api/auth/tokens/validate",
                    header::AUTHORIZATION,
                    &bad,
                    StatusCode::UNAUTHORIZED,
                )
                .await?;
            }
            "validate-session" => {
                api.get(
                    "/api/auth/sessions/validate",
                    header::COOKIE,
                    &cookie,
                    StatusCode::OK,
                )
                .await?;
            }
            "validate-token" => {
                api.get(
                    "/api/auth/tokens/validate",
                    header::AUTHORIZATION,
                    &good,
                    StatusCode::OK,
                )
                .await?;
            }
            "refresh" => {
                let next = api
                    .post(
                        "/api/auth/tokens/refresh",
                        &json!({ "refresh_token": refresh }),
                    )
                    .await?;
                refresh = text(&next, "/refresh_token")?;
            }
            unknown => return Err(format!("unknown: {unknown}").into()),
        }
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(operation), Some(times)) = (arguments.next(), arguments.next()) else {
        return Err("usage: instructions OPERATION TIMES".into());
    };
    // The log line of a request is formatted and discarded.
    tracing_subscriber::fmt()
        .with_writer(io::sink)
        .with_target(false)
        .init();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(&operation, times.parse()?))
}
