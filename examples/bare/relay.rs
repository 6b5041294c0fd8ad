//! A relay as a few handlers over axum and sqlx write it at first: a row for each prekey and each
//! message, with its sender, and a statement for each step. It is what the relay's rows of the
//! benchmark are compared with.

use argon2::Argon2;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{Row, SqlitePool};

use crate::{failed, now};

type Refused = (StatusCode, String);
type Answered = Result<Json<Value>, Refused>;

/// The messages of a page of history.
const PAGE: i64 = 50;

const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS naive_users (
         id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
         token TEXT NOT NULL UNIQUE, identity_key TEXT NOT NULL, signed_prekey TEXT NOT NULL,
         signature TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS naive_prekeys (
         id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, key TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS naive_prekeys_user ON naive_prekeys (user_id, id)",
    "CREATE TABLE IF NOT EXISTS naive_messages (
         id INTEGER PRIMARY KEY AUTOINCREMENT, channel_id TEXT NOT NULL, sender_id TEXT NOT NULL,
         sender_token BLOB NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS naive_messages_channel ON naive_messages (channel_id, id)",
];

/// Makes the tables of the naive relay and returns its routes. Every account is a member of the
/// channel with its own id.
pub(crate) async fn routes(pool: &SqlitePool) -> Result<Router<SqlitePool>, sqlx::Error> {
    for table in TABLES {
        sqlx::query(table).execute(pool).await?;
    }
    Ok(Router::new()
        .route("/naive/register", post(register))
        .route("/naive/users/{id}/keys", get(bundle))
        .route("/naive/channels/{id}/messages", get(history).post(send)))
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    rand::random()
}

fn invalid(what: &str) -> Refused {
    (StatusCode::BAD_REQUEST, what.to_owned())
}

fn bytes(text: &str) -> Result<Vec<u8>, Refused> {
    STANDARD.decode(text).map_err(|_| invalid("base64"))
}

fn key(text: &str) -> Result<[u8; 32], Refused> {
    bytes(text)?.try_into().map_err(|_| invalid("a key"))
}

/// Returns the account of the token of a request.
async fn caller(pool: &SqlitePool, headers: &HeaderMap) -> Result<String, Refused> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default();
    let found = sqlx::query_scalar("SELECT id FROM naive_users WHERE token = ?1");
    let found = found.bind(token).fetch_optional(pool).await;
    let refused = || (StatusCode::UNAUTHORIZED, String::new());
    found.map_err(failed)?.ok_or_else(refused)
}

#[derive(Deserialize)]
struct Registration {
    username: String,
    password: String,
    identity_key: String,
    signed_prekey: String,
    signed_prekey_signature: String,
    one_time_prekeys: Vec<String>,
}

async fn register(State(pool): State<SqlitePool>, Json(new): Json<Registration>) -> Answered {
    let identity = VerifyingKey::from_bytes(&key(&new.identity_key)?);
    let signature = Signature::from_slice(&bytes(&new.signed_prekey_signature)?);
    let (Ok(identity), Ok(signature)) = (identity, signature) else {
        return Err(invalid("an identity"));
    };
    let prekey = key(&new.signed_prekey)?;
    if identity.verify_strict(&prekey, &signature).is_err() {
        return Err(invalid("a signature"));
    }
    for prekey in &new.one_time_prekeys {
        key(prekey)?;
    }
    let salt = random::<16>();
    let password = new.password;
    let hash = tokio::task::spawn_blocking(move || {
        let mut hash = [0; 32];
        let hashed = Argon2::default().hash_password_into(password.as_bytes(), &salt, &mut hash);
        hashed.map(|()| hash)
    });
    let hash = hash.await.ok().and_then(Result::ok);
    let hash = hash.ok_or_else(|| invalid("a password"))?;
    let password = URL_SAFE_NO_PAD.encode([&salt[..], &hash].concat());
    let id = uuid::Builder::from_random_bytes(random())
        .into_uuid()
        .to_string();
    let token = URL_SAFE_NO_PAD.encode(random::<32>());

    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    sqlx::query("INSERT INTO naive_users VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
        .bind(&id)
        .bind(&new.username)
        .bind(password)
        .bind(&token)
        .bind(new.identity_key)
        .bind(new.signed_prekey)
        .bind(new.signed_prekey_signature)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    for prekey in new.one_time_prekeys {
        sqlx::query("INSERT INTO naive_prekeys (user_id, key) VALUES (?1, ?2)")
            .bind(&id)
            .bind(prekey)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(Json(
        json!({"access_token": token, "user": {"id": id, "username": new.username}}),
    ))
}

async fn bundle(
    State(pool): State<SqlitePool>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    caller(&pool, &headers).await?;
    let keys = "SELECT identity_key, signed_prekey, signature FROM naive_users WHERE id = ?1";
    let keys = sqlx::query(keys).bind(&id).fetch_one(&pool).await;
    let keys = keys.map_err(failed)?;
    let take = "DELETE FROM naive_prekeys WHERE id = (
                    SELECT id FROM naive_prekeys WHERE user_id = ?1 ORDER BY id LIMIT 1)
                RETURNING key";
    let taken: Option<String> = sqlx::query_scalar(take)
        .bind(&id)
        .fetch_optional(&pool)
        .await
        .map_err(failed)?;
    Ok(Json(json!({
        "identity_key": keys.get::<String, _>(0),
        "signed_prekey": keys.get::<String, _>(1),
        "signed_prekey_sig": keys.get::<String, _>(2),
        "one_time_prekey": taken,
    })))
}

#[derive(Deserialize)]
struct Sent {
    sender_token: String,
    encrypted_body: String,
}

async fn send(
    State(pool): State<SqlitePool>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    Json(sent): Json<Sent>,
) -> Answered {
    let sender = caller(&pool, &headers).await?;
    if sender != channel {
        return Err((StatusCode::NOT_FOUND, String::new()));
    }
    let at = now();
    let insert = "INSERT INTO naive_messages (channel_id, sender_id, sender_token, body, at)
                  VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id";
    let id: i64 = sqlx::query_scalar(insert)
        .bind(&channel)
        .bind(sender)
        .bind(bytes(&sent.sender_token)?)
        .bind(bytes(&sent.encrypted_body)?)
        .bind(at)
        .fetch_one(&pool)
        .await
        .map_err(failed)?;
    Ok(Json(json!({
        "id": id, "channel_id": channel, "sender_token": sent.sender_token,
        "encrypted_body": sent.encrypted_body, "timestamp": at,
    })))
}

async fn history(
    State(pool): State<SqlitePool>,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Answered {
    if caller(&pool, &headers).await? != channel {
        return Err((StatusCode::NOT_FOUND, String::new()));
    }
    let select = "SELECT id, sender_token, body, at FROM naive_messages
                   WHERE channel_id = ?1 ORDER BY id DESC LIMIT ?2";
    let rows = sqlx::query(select).bind(&channel).bind(PAGE);
    let rows = rows.fetch_all(&pool).await.map_err(failed)?;
    let messages = rows.iter().map(|row| {
        json!({
            "id": row.get::<i64, _>(0), "channel_id": channel,
            "sender_token": STANDARD.encode(row.get::<Vec<u8>, _>(1)),
            "encrypted_body": STANDARD.encode(row.get::<Vec<u8>, _>(2)),
            "timestamp": row.get::<i64, _>(3),
        })
    });
    Ok(Json(messages.collect()))
}
