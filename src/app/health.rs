//! The endpoints of the service's own state.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::KernelState;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::store;

/// The response of a running service.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
    /// The service's version.
    version: &'static str,
    /// The time of the response.
    #[schema(format = "date-time")]
    timestamp: String,
}

fn health(app: &KernelState) -> AppJson<Health> {
    AppJson(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        timestamp: app.ports.clock.now().to_string(),
    })
}

/// `GET /health`: reports that the service runs. It uses no other service.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, body = Health)))]
pub async fn alive(State(app): State<KernelState>) -> AppJson<Health> {
    health(&app)
}

/// `GET /ready`: reports that the service runs and that the database answers and has its tables.
///
/// # Errors
/// 503 if the database does not answer or has no tables.
#[utoipa::path(get, path = "/ready", tag = "service", responses((status = 200, body = Health)))]
pub async fn ready(State(app): State<KernelState>) -> Result<AppJson<Health>, ApiError> {
    store::ping(app.ports.db.as_ref())
        .await
        .map_err(|error| ApiError::because(Code::Unavailable, error.to_string()))?;
    Ok(health(&app))
}

/// The name of the service and the address of its reference.
#[derive(Serialize, ToSchema)]
pub struct Root {
    /// The service's name.
    name: &'static str,
    /// The service's version.
    version: &'static str,
    /// The path of the reference.
    docs: &'static str,
}

/// `GET /`: returns the name of the service and the address of its reference.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, body = Root)))]
pub async fn root() -> AppJson<Root> {
    AppJson(Root {
        name: "hamrah-api",
        version: env!("CARGO_PKG_VERSION"),
        docs: "/docs",
    })
}
