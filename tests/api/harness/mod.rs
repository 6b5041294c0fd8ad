//! One harness, two targets: the router over SQLite in memory, and the built Worker in workerd.
//!
//! `HAMRAH_WORKERD`, the address of `tests/workerd/control.mjs`, chooses the Worker. Each case gets
//! an API with an empty database. The harness checks the invariants after it.

mod answer;
pub mod authenticator;
mod authorization;
mod between;
mod ceremonies;
mod cost;
pub mod devices;
mod faults;
mod invariants;
mod log;
mod native;
mod people;
pub mod receiver;
pub mod relay;
pub mod socket;
mod workerd;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Method, Request, header};
use serde_json::{Map, Value, json};

pub use answer::Answer;
pub use authorization::{Member, PASSWORD};
pub use cost::Stats;
pub use faults::{Fault, FaultMode, ObjectFault, ObjectFaultMode};
pub use native::Native;
pub use people::{Pair, Person, claims, other_person};

/// A row by column name.
pub type Record = Map<String, Value>;

/// The operations of both targets.
#[async_trait::async_trait]
trait Target: Send + Sync {
    async fn send(&self, request: Request<Body>) -> Answer;
    async fn sql(&self, text: &str, params: &[Value]) -> Vec<Record>;
    /// Runs several statements, all with these parameters, and returns the rows of each.
    async fn run(&self, texts: &[String], params: &[Value]) -> Vec<Vec<Record>> {
        let mut results = Vec::new();
        for text in texts {
            results.push(self.sql(text, params).await);
        }
        results
    }
    /// Sends a request to the object of a channel, as the relay does, and returns its reply.
    async fn channel(&self, object: &str, asked: &Value) -> Value;
    async fn plan(&self, faults: &[Fault]);
    async fn plan_objects(&self, faults: &[ObjectFault]);
    async fn stats(&self) -> Stats;
    async fn cpu(&self) -> Duration;
    async fn logs(&self) -> String;
    /// Returns the folder with the files of all databases.
    async fn files(&self) -> PathBuf;
    async fn cron(&self);
    async fn age(&self, by: Duration);
    async fn release(&self);
    /// Returns `host:port` of a server of this target.
    async fn address(&self) -> String;
}

/// The API under test.
pub struct TestApp {
    target: Box<dyn Target>,
    pub settings: HashMap<String, String>,
    /// Every secret that an answer contained. None may be in the database or the log.
    secrets: Mutex<Vec<String>>,
}

/// Returns true if the built Worker is under test.
pub fn on_workerd() -> bool {
    std::env::var_os("HAMRAH_WORKERD").is_some()
}

/// Runs a case on a fresh API, then checks the invariants.
pub async fn case(test: impl AsyncFnOnce(&TestApp)) {
    case_with(&[], test).await;
}

/// Like [`case`], with settings.
pub async fn case_with(vars: &[(&str, &str)], test: impl AsyncFnOnce(&TestApp)) {
    let app = TestApp::start(vars, false).await;
    test(&app).await;
    app.finish().await;
}

/// Like [`case`], but natively over a file and several connections, so that callers run
/// concurrently.
pub async fn race(test: impl AsyncFnOnce(&TestApp)) {
    race_with(&[], test).await;
}

/// Like [`race`], with settings.
pub async fn race_with(vars: &[(&str, &str)], test: impl AsyncFnOnce(&TestApp)) {
    let app = TestApp::start(vars, true).await;
    test(&app).await;
    app.finish().await;
}

impl TestApp {
    async fn start(vars: &[(&str, &str)], on_disk: bool) -> Self {
        let vars: HashMap<String, String> = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (target, settings): (Box<dyn Target>, _) = if on_workerd() {
            let (workerd, settings) = workerd::Workerd::acquire(&vars).await;
            (Box::new(workerd), settings)
        } else {
            let (native, settings) = Native::start(vars, on_disk).await;
            (Box::new(native), settings)
        };
        Self {
            target,
            settings,
            secrets: Mutex::default(),
        }
    }

    async fn finish(self) {
        invariants::check(&self).await;
        self.target.release().await;
    }

    /// Starts a request.
    pub fn request(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            app: self,
            request: Request::builder()
                .method(method)
                .uri(path)
                .body(Vec::new())
                .expect("a request"),
        }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: &Value) -> Call<'_> {
        self.request(Method::POST, path).json(body)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.request(Method::DELETE, path)
    }

    /// A call as hamrah-app's server makes it.
    pub fn internal(&self, path: &str, body: &Value) -> Call<'_> {
        self.post(path, body)
            .header("x-internal-service", "hamrah-app")
            .header("x-internal-key", &self.settings["INTERNAL_API_KEY"])
            .header("user-agent", "hamrah-app-internal/1.0")
    }

    /// Runs a statement directly on the database.
    pub async fn sql(&self, text: &str, params: &[Value]) -> Vec<Record> {
        self.target.sql(text, params).await
    }

    /// Runs several queries without parameters and returns the rows of each.
    pub async fn queries(&self, texts: &[String]) -> Vec<Vec<Record>> {
        self.target.run(texts, &[]).await
    }

    /// Returns the integer that a query yields.
    pub async fn count(&self, text: &str, params: &[Value]) -> i64 {
        let rows = self.sql(text, params).await;
        rows[0]
            .values()
            .next()
            .and_then(Value::as_i64)
            .expect("a number")
    }

    /// Returns every row of the database, as text and sorted.
    pub async fn dump(&self) -> Vec<String> {
        let queries = invariants::TABLES.map(|table| format!("SELECT * FROM {table}"));
        let tables = self.queries(&queries).await;
        let mut dump = Vec::new();
        for (table, rows) in invariants::TABLES.iter().zip(tables) {
            dump.extend(rows.iter().map(|row| {
                let row = serde_json::to_string(row).expect("JSON");
                format!("{table} {row}")
            }));
        }
        dump.sort();
        dump
    }

    /// Returns the kinds of the events about a user, in the order of writing.
    pub async fn events(&self, user: &str) -> Vec<String> {
        let rows = self
            .sql(
                "SELECT kind FROM events WHERE user_id = ?1 ORDER BY rowid",
                &[json!(user)],
            )
            .await;
        rows.iter()
            .map(|row| row["kind"].as_str().expect("a kind").to_owned())
            .collect()
    }

    /// Sends an operation to the object of a channel, past every route, and returns the reply.
    pub async fn channel(&self, channel: &str, operation: &Value) -> Value {
        let asked = json!({"v": 1, "operation": operation});
        self.target.channel(&channel[..13], &asked).await
    }

    /// Returns the processor time of the target, with the database and, natively, the test itself.
    /// It is zero where it is not known.
    pub async fn cpu(&self) -> Duration {
        self.target.cpu().await
    }

    /// Returns the whole log.
    pub async fn logs(&self) -> String {
        self.target.logs().await
    }

    /// Returns the folder with the files of all databases. Natively only a [`race`] has one.
    pub async fn files(&self) -> PathBuf {
        self.target.files().await
    }

    /// Runs the scheduled maintenance, as the cron trigger does.
    pub async fn cron(&self) {
        self.target.cron().await;
    }

    /// Lets time pass. Natively the clock moves on. In workerd every row becomes older. Access
    /// tokens carry their own times, so in workerd they do not age.
    pub async fn age(&self, by: Duration) {
        self.target.age(by).await;
    }

    /// Remembers a secret that a test chose.
    pub fn secret(&self, secret: &str) {
        self.secrets
            .lock()
            .expect("no panic while it is held")
            .push(secret.to_owned());
    }

    /// Remembers secrets that must never be found in the database or the log.
    fn remember(&self, answer: &Answer) {
        let mut secrets = self.secrets.lock().expect("no panic while it is held");
        if let Ok(body) = serde_json::from_slice::<Value>(&answer.body) {
            for field in [
                "access_token",
                "refresh_token",
                "session_token",
                "secret",
                "csrf_token",
                "token",
            ] {
                secrets.extend(body[field].as_str().map(str::to_owned));
            }
            secrets.extend(
                body["codes"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|code| code.as_str().map(str::to_owned)),
            );
        }
    }

    /// Returns a token with any header and claims, signed with the API's own key.
    pub fn forge(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        self.sign(&format!("{}.{}", encode(header), encode(claims)))
    }

    /// Signs `header.claims` with the API's own key.
    pub fn sign(&self, message: &str) -> String {
        use ed25519_dalek::Signer;
        let key: Value =
            serde_json::from_str(&self.settings["JWT_SIGNING_KEYS"]).expect("a JWK set");
        let seed = URL_SAFE_NO_PAD
            .decode(key["keys"][0]["d"].as_str().expect("d"))
            .expect("base64url");
        let key = ed25519_dalek::SigningKey::from_bytes(&seed.try_into().expect("32 bytes"));
        format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes())
        )
    }
}

/// A request that is being built.
pub struct Call<'a> {
    app: &'a TestApp,
    request: Request<Vec<u8>>,
}

impl Call<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        self.request.headers_mut().append(
            HeaderName::from_bytes(name.as_bytes()).expect("a header's name"),
            value,
        );
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds the session cookie with its name in development, over plain http on localhost.
    pub fn cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("session={token}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string().into_bytes())
    }

    pub fn body(mut self, body: Vec<u8>) -> Self {
        *self.request.body_mut() = body;
        self
    }

    pub async fn send(mut self) -> Answer {
        if !self.request.headers().contains_key(header::HOST) {
            self.request
                .headers_mut()
                .insert(header::HOST, HeaderValue::from_static("localhost"));
        }
        let answer = self.app.target.send(self.request.map(Body::from)).await;
        self.app.remember(&answer);
        answer
    }
}
