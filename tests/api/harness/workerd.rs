//! The built Worker in workerd, lent by `tests/workerd/control.mjs`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{Answer, Fault, FaultMode, ObjectFault, ObjectFaultMode, Record, Stats, Target};

type Http = Client<HttpConnector, Body>;

pub struct Workerd {
    http: Http,
    control: String,
    id: u64,
    url: String,
}

/// The columns with times, by table.
const TIMES: [(&str, &[&str]); 20] = [
    ("deleted_users", &["deleted_at"]),
    ("users", &["created_at", "updated_at", "last_login_at"]),
    (
        "sessions",
        &[
            "authenticated_at",
            "created_at",
            "last_used_at",
            "token_expires_at",
            "access_expires_at",
            "refresh_expires_at",
            "refreshes_since",
            "expires_at",
            "revoked_at",
        ],
    ),
    (
        "refresh_tokens",
        &["created_at", "expires_at", "replaced_at"],
    ),
    ("challenges", &["created_at", "expires_at"]),
    ("passkeys", &["created_at", "last_used_at"]),
    ("attest_keys", &["created_at", "last_used_at", "revoked_at"]),
    ("totp", &["created_at", "confirmed_at"]),
    ("backup_codes", &["created_at", "used_at"]),
    ("attempts", &["last_at", "free_at"]),
    ("outbox", &["at", "next_at"]),
    ("passwords", &["created_at", "changed_at"]),
    ("person_tokens", &["created_at", "expires_at"]),
    ("person_roles", &["expires_at"]),
    ("person_permissions", &["expires_at"]),
    ("removed_roles", &["removed_at"]),
    ("removed_permissions", &["removed_at"]),
    ("relay_invites", &["created_at", "expires_at"]),
    ("relay_sender_keys", &["created_at", "read_at"]),
    ("relay_outbox", &["due_at"]),
];

impl Workerd {
    pub async fn acquire(vars: &HashMap<String, String>) -> (Self, HashMap<String, String>) {
        // No connection is reused, because workerd may close it at that moment.
        let http = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build_http();
        let control = std::env::var("HAMRAH_WORKERD").expect("the address of the control");
        let lent = ask(&http, &control, "acquire", &json!({"vars": vars})).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let settings = lent["settings"]
            .as_object()
            .expect("settings")
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        (
            Self {
                http,
                control,
                id: lent["id"].as_u64().expect("an id"),
                url: text(&lent["url"]),
            },
            settings,
        )
    }

    async fn ask(&self, operation: &str, mut body: Value) -> Value {
        body["id"] = json!(self.id);
        ask(&self.http, &self.control, operation, &body).await
    }
}

async fn ask(http: &Http, control: &str, operation: &str, body: &Value) -> Value {
    let request = Request::post(format!("{control}/{operation}"))
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = http.request(request).await.expect("the control answers");
    let ok = answer.status().is_success();
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    assert!(ok, "{operation}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("JSON")
}

#[async_trait]
impl Target for Workerd {
    async fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("{}{}", self.url, parts.uri)
            .parse::<Uri>()
            .expect("a URI");
        let request = Request::from_parts(parts, body);
        let (parts, body) = self
            .http
            .request(request)
            .await
            .expect("workerd answers")
            .into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn sql(&self, text: &str, params: &[Value]) -> Vec<Record> {
        let rows = self
            .ask("sql", json!({"text": text, "params": params}))
            .await;
        serde_json::from_value(rows).expect("rows")
    }

    /// Runs all statements in one call, because every call passes through three processes.
    async fn run(&self, texts: &[String], params: &[Value]) -> Vec<Vec<Record>> {
        let rows = self
            .ask("run", json!({"texts": texts, "params": params}))
            .await;
        serde_json::from_value(rows).expect("rows of each")
    }

    async fn channel(&self, object: &str, asked: &Value) -> Value {
        self.ask("channel", json!({"object": object, "asked": asked}))
            .await
    }

    async fn plan(&self, faults: &[Fault]) {
        let step = |fault: &Fault| {
            let (mode, statement) = match fault.mode {
                FaultMode::Before => ("before", 0),
                FaultMode::After => ("after", 0),
                FaultMode::Held => ("held", 0),
                FaultMode::Within(statement) => ("within", statement),
            };
            json!({"at": fault.at, "mode": mode, "statement": statement, "message": fault.message})
        };
        self.ask(
            "plan",
            json!({"steps": faults.iter().map(step).collect::<Vec<_>>()}),
        )
        .await;
    }

    async fn plan_objects(&self, faults: &[ObjectFault]) {
        let step = |fault: &ObjectFault| {
            let mode = match fault.mode {
                ObjectFaultMode::Before => "before",
                ObjectFaultMode::After => "after",
                ObjectFaultMode::Unreachable => "unreachable",
            };
            json!({"at": fault.at, "mode": mode})
        };
        let steps: Vec<Value> = faults.iter().map(step).collect();
        self.ask("plan_objects", json!({"steps": steps})).await;
    }

    async fn stats(&self) -> Stats {
        let stats = self.ask("stats", json!({})).await;
        let number =
            |name: &str| usize::try_from(stats[name].as_u64().expect("a number")).expect("fits");
        Stats {
            batches: number("batches"),
            statements: number("statements"),
            rows_read: number("rowsRead"),
            written: number("rowsWritten"),
            most_written: number("mostWritten"),
            calls: number("calls"),
            object_rows: number("objectRows"),
        }
    }

    async fn cpu(&self) -> Duration {
        Duration::from_millis(
            self.ask("cpu", json!({})).await["milliseconds"]
                .as_u64()
                .expect("a number"),
        )
    }

    /// The console arrives later than the answer, on two streams. So this waits for the log of a
    /// request with a known id, and then for silence.
    async fn logs(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let marker = format!("log-marker-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let request = Request::get("/health")
            .header("host", "localhost")
            .header("x-request-id", &marker)
            .body(Body::empty());
        self.send(request.expect("a request")).await;
        let mut before = String::new();
        for _ in 0..200 {
            let logs = self.ask("logs", json!({})).await.to_string();
            if logs.contains(&marker) && logs == before {
                return logs;
            }
            before = logs;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the log does not arrive");
    }

    async fn files(&self) -> PathBuf {
        let files = self.ask("files", json!({})).await;
        files["folder"].as_str().expect("a folder").into()
    }

    async fn cron(&self) {
        assert_eq!(self.ask("cron", json!({})).await["outcome"], "ok");
    }

    async fn age(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).expect("fits");
        let older = TIMES.iter().map(|(table, columns)| {
            let set = columns
                .iter()
                .map(|column| format!("{column} = {column} - ?1"))
                .collect::<Vec<_>>()
                .join(", ");
            format!("UPDATE {table} SET {set}")
        });
        self.run(&older.collect::<Vec<_>>(), &[json!(by)]).await;
        // A trigger forbids changes of events. The harness drops it for a moment.
        let trigger = self
            .sql(
                "SELECT sql FROM sqlite_master WHERE name = 'events_append_only'",
                &[],
            )
            .await;
        self.sql("DROP TRIGGER events_append_only", &[]).await;
        self.sql("UPDATE events SET at = at - ?1", &[json!(by)])
            .await;
        self.sql(trigger[0]["sql"].as_str().expect("a trigger"), &[])
            .await;
    }

    async fn release(&self) {
        self.ask("release", json!({})).await;
    }
}
