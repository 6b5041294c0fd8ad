//! The floor of the native benchmark (docs/PERFORMANCE.md): axum and sqlx with nothing in between,
//! over the server's own database.
//!
//! `bare ADDRESS DATABASE_URL`. It answers `GET /empty`; `GET /session` with `x-token-hash`, which
//! is the look-up that every authenticated request makes; `POST /sql`, by which the benchmark fills
//! the database; and a naive relay below `/naive`. It checks no caller, so it listens on loopback
//! only.

mod relay;

use std::error::Error;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use hamrah_api::platform::native::sqlite::Sqlite;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column, Row, SqlitePool, TypeInfo, ValueRef};

/// As `store::sessions::by_token` asks.
const SESSION: &str = "SELECT s.id AS session_id, s.platform, s.user_agent AS session_user_agent, s.authenticated_at, s.amr, s.recovering,
        s.country, s.created_at AS session_created_at, s.last_used_at, s.token_expires_at, s.access_expires_at, s.refresh_expires_at,
        u.id AS user_id, u.email, u.email_verified, u.name, u.picture, u.auth_method, u.provider, u.provider_id,
        u.created_at AS user_created_at, u.updated_at, u.last_login_at, u.last_login_platform
   FROM sessions AS s JOIN users AS u ON u.id = s.user_id
  WHERE s.token_hash = ?1 AND s.token_expires_at > ?2 AND s.revoked_at IS NULL";

type Record = Map<String, Value>;

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

fn failed(error: sqlx::Error) -> (StatusCode, String) {
    match error {
        sqlx::Error::RowNotFound => (StatusCode::NOT_FOUND, String::new()),
        error => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn session(
    State(pool): State<SqlitePool>,
    headers: HeaderMap,
) -> Result<Json<Record>, (StatusCode, String)> {
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
) -> Result<Json<Vec<Vec<Record>>>, (StatusCode, String)> {
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
    let routes = Router::new()
        .route(
            "/empty",
            get(async || ([(header::CONTENT_TYPE, "application/json")], "{}")),
        )
        .route("/session", get(session))
        .route("/sql", post(sql).layer(DefaultBodyLimit::disable()))
        .merge(relay::routes(&pool).await?)
        .with_state(pool);
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, routes).await?)
}
