//! The router in this process, over SQLite, with a clock that moves only when a case moves it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use hamrah_api::accounts::model::signing_keys::{SigningKey, SigningKeys};
use hamrah_api::app::config::Config;
use hamrah_api::app::maintenance;
use hamrah_api::app::ports::{Adapters, Ports};
use hamrah_api::app::routes::router;
use hamrah_api::kernel::domain::rate_limit::{RateLimiter, Unlimited};
use hamrah_api::kernel::domain::{Clock, Entropy, NoEntropy};
use hamrah_api::kernel::http::extract::ClientAddress;
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::platform::native::channels::{LocalChannels, url_beside};
use hamrah_api::platform::native::http_client::Https;
use hamrah_api::platform::native::hubs::LocalHubs;
use hamrah_api::platform::native::rate_limits::{InMemory, Quotas};
use hamrah_api::platform::native::sqlite::Sqlite;
use hamrah_api::platform::native::{Dalek, Threads, migrations};
use hamrah_api::relay::domain::Channels;
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Column, Row as _, SqlitePool, TypeInfo, ValueRef};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tower::ServiceExt;
use tracing::subscriber::DefaultGuard;

use super::between::{Between, ObjectsBetween};
use super::log::Log;
use super::{Answer, Fault, ObjectFault, Record, Stats, Target};

pub struct Native {
    router: Router,
    ports: Ports,
    pool: SqlitePool,
    clock: Arc<FakeClock>,
    between: Arc<Between>,
    objects: Arc<ObjectsBetween>,
    /// The address of a server, once a case needs one.
    address: OnceCell<String>,
    log: Log,
    /// Whether the addresses of clients are known, which rate limits need.
    vouches: bool,
    _subscriber: DefaultGuard,
    folder: Option<tempfile::TempDir>,
}

impl Native {
    pub async fn start(
        vars: HashMap<String, String>,
        on_disk: bool,
    ) -> (Self, HashMap<String, String>) {
        let mut settings = HashMap::from([
            ("ENVIRONMENT".to_owned(), "development".to_owned()),
            (
                "INTERNAL_API_KEY".to_owned(),
                "n4tiveTestKey-8Zq2mYc7Lw0xRb5vKd".to_owned(),
            ),
            (
                "BOOTSTRAP_SECRET".to_owned(),
                "kT3wZq8Lm2Xr7Vb5Yc9Nd4Hs6Jf1Gp0aQe".to_owned(),
            ),
            (
                "SECRETS_KEY".to_owned(),
                "kF3nS8xQ1vZ0bT7yLw2uRc9mHd5pJa6eGiOqXfVtYsE".to_owned(),
            ),
            (
                "JWT_SIGNING_KEYS".to_owned(),
                SigningKeys::single(SigningKey::from_seed(std::array::from_fn(|index| {
                    u8::try_from(index * 7 + 42).unwrap_or(42)
                })))
                .to_json(),
            ),
        ]);
        settings.extend(vars);
        if settings["ENVIRONMENT"] == "development" {
            // Password hashes are cheap here. One case uses the cost of production.
            for (name, cheap) in [
                ("PASSWORD_HASH_MEMORY_KIB", "256"),
                ("PASSWORD_HASH_PASSES", "1"),
            ] {
                settings
                    .entry(name.to_owned())
                    .or_insert_with(|| cheap.to_owned());
            }
        }
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_max_level(tracing::Level::TRACE)
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);

        let folder = on_disk.then(|| tempfile::tempdir().expect("a folder"));
        let url = folder.as_ref().map_or_else(
            || "sqlite::memory:".to_owned(),
            |f| format!("sqlite:{}/test.db", f.path().display()),
        );
        let sqlite = Sqlite::open(&url).await.expect("opens");
        let pool = sqlite.pool().clone();
        migrations::apply(&pool).await.expect("applies");

        let clock = Arc::new(FakeClock(AtomicI64::new(1_800_000_000_000)));
        let between = Arc::new(Between::over(sqlite, !on_disk));
        let sqlite = Sqlite::open(&url_beside(&url).expect("a URL")).await;
        let channels_between = Arc::new(Between::over(sqlite.expect("opens"), !on_disk));
        let channels = LocalChannels::over(
            channels_between.clone(),
            clock.clone(),
            Arc::new(CountingEntropy(AtomicU64::new(1 << 32))),
        )
        .await
        .expect("opens");
        let config = Config::read(&|name| settings.get(name).cloned()).expect("a configuration");
        let relay = &config.relay;
        let hubs = LocalHubs::over(&channels, clock.clone(), relay.hubs, relay.most_sockets);
        let objects = Arc::new(ObjectsBetween::over(channels, channels_between));
        let ports = Ports::new(
            Adapters {
                db: between.clone(),
                clock: clock.clone(),
                entropy: Arc::new(CountingEntropy(AtomicU64::new(1))),
                signatures: Arc::new(Dalek),
                limiter: limiter(&settings),
                http_client: Arc::new(Https::open().expect("certificates")),
                compute: Arc::new(Threads),
                channels: objects.clone(),
                hubs: Arc::new(hubs.clone()),
                door: Arc::new(hubs.clone()),
            },
            config,
        );
        hubs.start(ports.relay.clone());
        let vouches = settings.contains_key("RATE_LIMITS");
        let native = Self {
            router: router(ports.clone()),
            ports,
            pool,
            clock,
            between,
            objects,
            address: OnceCell::new(),
            log,
            vouches,
            _subscriber: guard,
            folder,
        };
        (native, settings)
    }

    /// Returns the ports, for use cases that no route calls.
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }
}

#[async_trait]
impl Target for Native {
    async fn address(&self) -> String {
        let serve = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address").to_string();
            let router = self.router.clone();
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        };
        self.address.get_or_init(|| serve).await.clone()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let mut request = request;
        // Represents the platform, which in production learns the client's address from this
        // header.
        let address = request
            .headers()
            .get("cf-connecting-ip")
            .and_then(|address| address.to_str().ok()?.parse().ok());
        if self.vouches {
            request.extensions_mut().insert(ClientAddress(address));
        }
        let (parts, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("never fails")
            .into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn sql(&self, text: &str, params: &[Value]) -> Vec<Record> {
        let query = params.iter().fold(
            sqlx::query(AssertSqlSafe(text.to_owned())),
            |query, param| match param {
                Value::Number(number) => query.bind(number.as_i64()),
                Value::String(text) => query.bind(text.clone()),
                _ => query.bind(None::<String>),
            },
        );
        let rows = query.fetch_all(&self.pool).await.expect("a query");
        let value = |row: &sqlx::sqlite::SqliteRow, index: usize| {
            let raw = row.try_get_raw(index).expect("a column");
            if raw.is_null() {
                Value::Null
            } else if raw.type_info().name() == "TEXT" {
                row.get::<String, _>(index).into()
            } else {
                row.get::<i64, _>(index).into()
            }
        };
        rows.iter()
            .map(|row| {
                row.columns()
                    .iter()
                    .map(|c| (c.name().to_owned(), value(row, c.ordinal())))
                    .collect()
            })
            .collect()
    }

    async fn channel(&self, object: &str, asked: &Value) -> Value {
        let request = serde_json::from_value(asked.clone()).expect("a request");
        let reply = self.objects.inner.call(object, request).await;
        serde_json::to_value(reply.expect("a reply")).expect("JSON")
    }

    async fn plan(&self, faults: &[Fault]) {
        let mut state = self.between.state.lock().expect("unpoisoned");
        let now = state.stats.batches;
        state.faults = faults
            .iter()
            .map(|fault| Fault {
                at: fault.at + now,
                ..fault.clone()
            })
            .collect();
    }

    async fn stats(&self) -> Stats {
        let calls = self.objects.calls();
        let stats = self.between.state.lock().expect("unpoisoned").stats;
        let object_rows = self.objects.rows();
        Stats {
            calls,
            object_rows,
            ..stats
        }
    }

    async fn plan_objects(&self, faults: &[ObjectFault]) {
        self.objects.plan(faults);
    }

    async fn cpu(&self) -> Duration {
        let status = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Duration::from_nanos(
            status
                .split(' ')
                .next()
                .and_then(|nanos| nanos.parse().ok())
                .unwrap_or_default(),
        )
    }

    async fn logs(&self) -> String {
        String::from_utf8_lossy(&self.log.0.lock().expect("unpoisoned")).into_owned()
    }

    async fn files(&self) -> PathBuf {
        self.folder.as_ref().expect("files").path().to_owned()
    }

    async fn cron(&self) {
        maintenance::run(&self.ports).await;
    }

    async fn age(&self, by: Duration) {
        self.clock.0.fetch_add(
            i64::try_from(by.as_millis()).expect("fits"),
            Ordering::Relaxed,
        );
    }

    /// Checks that every statement finds its rows by an index, so that its cost does not grow with
    /// the number of users.
    async fn release(&self) {
        let seen = self.between.state.lock().expect("unpoisoned").seen.clone();
        for sql in seen {
            for row in self.sql(&format!("EXPLAIN QUERY PLAN {sql}"), &[]).await {
                let detail = row["detail"].as_str().expect("a detail");
                let bounded = detail == "SCAN CONSTANT ROW"
                    || detail.starts_with("SCAN (subquery")
                    || detail.starts_with("SCAN json_each")
                    || sql.contains("LIMIT 1) LIMIT 1");
                assert!(!detail.starts_with("SCAN") || bounded, "{detail} in {sql}");
            }
        }
    }
}

/// Whether requests are rate limited. In development a setting must enable it.
fn counts(settings: &HashMap<String, String>) -> bool {
    settings.get("RATE_LIMITS").is_some_and(|word| word == "on")
}

fn limiter(settings: &HashMap<String, String>) -> Arc<dyn RateLimiter> {
    if !counts(settings) {
        return Arc::new(Unlimited);
    }
    Arc::new(InMemory::new(
        Quotas::read(&|name| settings.get(name).cloned()).expect("quotas"),
    ))
}

struct FakeClock(AtomicI64);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Returns different bytes at each call, which are equal in every run.
struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in buffer.chunks_mut(8) {
            let mixed = self
                .0
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
