//! Is it there, and does it work.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::App;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::store;

/// That the service is there.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
    /// The service's version.
    version: &'static str,
    /// Now.
    #[schema(format = "date-time")]
    timestamp: String,
}

fn health(app: &App) -> AppJson<Health> {
    AppJson(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        timestamp: app.ports.clock.now().to_string(),
    })
}

/// `GET /health`: alive; asks nobody else.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, body = Health)))]
pub async fn alive(State(app): State<App>) -> AppJson<Health> {
    health(&app)
}

/// `GET /ready`: alive, and the database answers and has its tables.
///
/// # Errors
/// 503 otherwise.
#[utoipa::path(get, path = "/ready", tag = "service", responses((status = 200, body = Health)))]
pub async fn ready(State(app): State<App>) -> Result<AppJson<Health>, ApiError> {
    store::ping(app.ports.db.as_ref())
        .await
        .map_err(|error| ApiError::because(Code::Unavailable, error.to_string()))?;
    Ok(health(&app))
}

/// What answers here.
#[derive(Serialize, ToSchema)]
pub struct Root {
    /// The service's name.
    name: &'static str,
    /// The service's version.
    version: &'static str,
    /// Where it is explained.
    docs: &'static str,
}

/// `GET /`: what answers here, and where it is explained.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, body = Root)))]
pub async fn root() -> AppJson<Root> {
    AppJson(Root {
        name: "hamrah-api",
        version: env!("CARGO_PKG_VERSION"),
        docs: "/docs",
    })
}
