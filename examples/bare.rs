//! The floor of the native benchmark (docs/PERFORMANCE.md): axum and sqlx with nothing in between,
//! over the server's own database.
//!
//! `bare ADDRESS DATABASE_URL`. It answers `GET /empty`; `GET /session` with `x-token-hash`, which
//! is the look-up that every authenticated request makes; and `POST /sql`, by which the benchmark
//! fills the database. It checks no caller there, so it listens on loopback only.
//!
//! Under `/relay` it is the relay that one would write first, in tables of its own: see
//! [`RELAY_TABLES`].

use std::error::Error;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use argon2::{Algorithm, Argon2, Params, Version};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hamrah_api::platform::native::sqlite::Sqlite;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column, Row, SqlitePool, TypeInfo, ValueRef};

/// As `store::sessions::by_token` asks.
const SESSION: &str = "SELECT s.id AS session_id, s.platform, s.user_agent AS session_user_agent, s.authenticated_at, s.amr, s.recovering,
        s.country, s.created_at AS session_created_at, s.last_used_at, s.token_expires_at, s.access_expires_at, s.refresh_expires_at,
        u.id AS user_id, u.email, u.email_verified, u.name, u.picture, u.auth_method, u.provider, u.provider_id,
        u.created_at AS user_created_at, u.updated_at, u.last_login_at, u.last_login_platform
   FROM sessions AS s JOIN users AS u ON u.id = s.user_id
  WHERE s.token_hash = ?1 AND s.token_expires_at > ?2 AND s.revoked_at IS NULL";

/// The naive relay: a sender in each message, a row for each prekey, no limits, no members of
/// channels, and every text as it came.
const RELAY_TABLES: &str = "
CREATE TABLE IF NOT EXISTS bare_users (
    id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
    identity_key TEXT NOT NULL, signed_prekey TEXT NOT NULL, signed_prekey_signature TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bare_tokens (
    hash TEXT PRIMARY KEY, user_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bare_prekeys (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, prekey TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS bare_prekeys_user ON bare_prekeys (user_id);
CREATE TABLE IF NOT EXISTS bare_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, sender INTEGER NOT NULL,
    body TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS bare_messages_channel ON bare_messages (channel, id);";
/// The cost of a password hash in KiB and passes, which is the server's default.
const HASH_COST: (u32, u32) = (19 * 1024, 2);
/// The number of messages in a page, which is the server's default.
const PAGE: i64 = 50;

type Record = Map<String, Value>;
type Refusal = (StatusCode, String);

/// A statement and its parameters, texts all of them.
#[derive(Deserialize)]
struct Statement {
    text: String,
    #[serde(default)]
    params: Vec<String>,
}

fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let value = |index: usize| {
        let raw = row.try_get_raw(index)?;
        match raw.type_info().name() {
            _ if raw.is_null() => Ok(Value::Null),
            "TEXT" => row.try_get::<String, _>(index).map(Value::from),
            _ => row.try_get::<i64, _>(index).map(Value::from),
        }
    };
    row.columns()
        .iter()
        .map(|column| Ok((column.name().to_owned(), value(column.ordinal())?)))
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "it has no ports")]
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn failed(error: sqlx::Error) -> Refusal {
    match error {
        sqlx::Error::RowNotFound => (StatusCode::NOT_FOUND, String::new()),
        error => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn session(
    State(pool): State<SqlitePool>,
    headers: HeaderMap,
) -> Result<Json<Record>, Refusal> {
    let hash = headers
        .get("x-token-hash")
        .and_then(|hash| hash.to_str().ok())
        .unwrap_or_default();
    let row = sqlx::query(SESSION)
        .bind(hash)
        .bind(now())
        .fetch_one(&pool)
        .await
        .map_err(failed)?;
    Ok(Json(record(&row).map_err(failed)?))
}

/// All of them or none.
async fn sql(
    State(pool): State<SqlitePool>,
    Json(statements): Json<Vec<Statement>>,
) -> Result<Json<Vec<Vec<Record>>>, Refusal> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let mut answers = Vec::with_capacity(statements.len());
    for Statement { text, params } in statements {
        let query = params
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(text)), sqlx::query::Query::bind);
        let rows = query.fetch_all(&mut *transaction).await.map_err(failed)?;
        answers.push(
            rows.iter()
                .map(record)
                .collect::<Result<_, _>>()
                .map_err(failed)?,
        );
    }
    transaction.commit().await.map_err(failed)?;
    Ok(Json(answers))
}

/// An account to register.
#[derive(Deserialize)]
struct Newcomer {
    username: String,
    password: String,
    identity_key: String,
    signed_prekey: String,
    signed_prekey_signature: String,
    one_time_prekeys: Vec<String>,
}

/// A message to send.
#[derive(Deserialize)]
struct Draft {
    encrypted_body: String,
}

fn refused(status: StatusCode) -> Refusal {
    (status, String::new())
}

fn hash_of(token: &str) -> String {
    STANDARD.encode(Sha256::digest(token))
}

/// Returns the account of the bearer token.
async fn caller(pool: &SqlitePool, headers: &HeaderMap) -> Result<i64, Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or_else(|| refused(StatusCode::UNAUTHORIZED))?;
    let found = sqlx::query_scalar("SELECT user_id FROM bare_tokens WHERE hash = ?1")
        .bind(hash_of(token))
        .fetch_optional(pool)
        .await;
    found
        .map_err(failed)?
        .ok_or_else(|| refused(StatusCode::UNAUTHORIZED))
}

fn is_signed(new: &Newcomer) -> Option<()> {
    let identity: [u8; 32] = STANDARD.decode(&new.identity_key).ok()?.try_into().ok()?;
    let signature: [u8; 64] = STANDARD
        .decode(&new.signed_prekey_signature)
        .ok()?
        .try_into()
        .ok()?;
    let prekey = STANDARD.decode(&new.signed_prekey).ok()?;
    VerifyingKey::from_bytes(&identity)
        .ok()?
        .verify_strict(&prekey, &Signature::from_bytes(&signature))
        .ok()
}

#[allow(clippy::disallowed_methods, reason = "it has no ports")]
fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

fn password_hash(password: &str) -> Option<String> {
    let (memory, passes) = HASH_COST;
    let params = Params::new(memory, passes, 1, Some(32)).ok()?;
    let (salt, mut hash) = (random::<16>()?, [0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), &salt, &mut hash)
        .ok()?;
    Some(format!(
        "{}${}",
        STANDARD.encode(salt),
        STANDARD.encode(hash)
    ))
}

async fn register(
    State(pool): State<SqlitePool>,
    Json(new): Json<Newcomer>,
) -> Result<Json<Value>, Refusal> {
    is_signed(&new).ok_or_else(|| refused(StatusCode::BAD_REQUEST))?;
    let broken = || refused(StatusCode::INTERNAL_SERVER_ERROR);
    let password = new.password;
    let hash = tokio::task::spawn_blocking(move || password_hash(&password)).await;
    let hash = hash.ok().flatten().ok_or_else(broken)?;
    let token = STANDARD.encode(random::<32>().ok_or_else(broken)?);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let user: i64 = sqlx::query_scalar(
        "INSERT INTO bare_users
             (username, password, identity_key, signed_prekey, signed_prekey_signature)
         VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
    )
    .bind(&new.username)
    .bind(hash)
    .bind(new.identity_key)
    .bind(new.signed_prekey)
    .bind(new.signed_prekey_signature)
    .fetch_one(&mut *transaction)
    .await
    .map_err(failed)?;
    for prekey in new.one_time_prekeys {
        sqlx::query("INSERT INTO bare_prekeys (user_id, prekey) VALUES (?1, ?2)")
            .bind(user)
            .bind(prekey)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    sqlx::query("INSERT INTO bare_tokens (hash, user_id) VALUES (?1, ?2)")
        .bind(hash_of(&token))
        .bind(user)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    let user = json!({ "id": user, "username": new.username });
    Ok(Json(json!({ "access_token": token, "user": user })))
}

async fn bundle(
    State(pool): State<SqlitePool>,
    Path(user): Path<i64>,
    headers: HeaderMap,
) -> Result<Json<Record>, Refusal> {
    caller(&pool, &headers).await?;
    let keys = sqlx::query(
        "SELECT identity_key, signed_prekey, signed_prekey_signature FROM bare_users WHERE id = ?1",
    )
    .bind(user)
    .fetch_one(&pool)
    .await
    .map_err(failed)?;
    let taken: Option<String> = sqlx::query_scalar(
        "DELETE FROM bare_prekeys WHERE id = (
             SELECT id FROM bare_prekeys WHERE user_id = ?1 ORDER BY id LIMIT 1)
         RETURNING prekey",
    )
    .bind(user)
    .fetch_optional(&pool)
    .await
    .map_err(failed)?;
    let mut bundle = record(&keys).map_err(failed)?;
    bundle.insert("one_time_prekey".to_owned(), taken.into());
    Ok(Json(bundle))
}

async fn send(
    State(pool): State<SqlitePool>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    Json(draft): Json<Draft>,
) -> Result<Json<Value>, Refusal> {
    let sender = caller(&pool, &headers).await?;
    let at = now();
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO bare_messages (channel, sender, body, at) VALUES (?1, ?2, ?3, ?4) RETURNING id",
    )
    .bind(channel)
    .bind(sender)
    .bind(&draft.encrypted_body)
    .bind(at)
    .fetch_one(&pool)
    .await
    .map_err(failed)?;
    let body = draft.encrypted_body;
    Ok(Json(json!({ "id": id, "at": at, "encrypted_body": body })))
}

async fn history(
    State(pool): State<SqlitePool>,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Vec<Record>>, Refusal> {
    caller(&pool, &headers).await?;
    let rows = sqlx::query(
        "SELECT id, sender, body, at FROM bare_messages WHERE channel = ?1
          ORDER BY id DESC LIMIT ?2",
    )
    .bind(channel)
    .bind(PAGE)
    .fetch_all(&pool)
    .await
    .map_err(failed)?;
    let page = rows.iter().map(record).collect::<Result<_, _>>();
    Ok(Json(page.map_err(failed)?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(url)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare ADDRESS DATABASE_URL".into());
    };
    let address: SocketAddr = address.parse()?;
    if !address.ip().is_loopback() {
        return Err("only on a loopback address, because it checks no caller".into());
    }
    // The same pool and the same PRAGMAs as the server's.
    let pool = Sqlite::open(&url).await?.pool().clone();
    sqlx::raw_sql(RELAY_TABLES).execute(&pool).await?;
    let routes = Router::new()
        .route(
            "/empty",
            get(async || ([(header::CONTENT_TYPE, "application/json")], "{}")),
        )
        .route("/session", get(session))
        .route("/relay/register", post(register))
        .route("/relay/users/{id}/keys", get(bundle))
        .route("/relay/channels/{id}/messages", get(history).post(send))
        .route("/sql", post(sql).layer(DefaultBodyLimit::disable()))
        .with_state(pool);
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, routes).await?)
}
