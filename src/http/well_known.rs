//! What other services find by convention (RFC 8615).

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;

use super::App;
use crate::domain::access_token;

/// `GET /.well-known/jwks.json`: the public keys that verify access tokens (RFC 7517 §5), by which other services verify without asking.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "service", responses((status = 200, body = super::openapi::KeySet)))]
pub async fn jwks(State(app): State<App>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(access_token::public_keys(&app.ports.config.signing_keys)))
}
