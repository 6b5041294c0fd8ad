//! The API's description as `OpenAPI` document and as HTML reference. `make openapi` writes both
//! into the repository, and a test fails if they are stale.
//!
//! At the edge both are static assets with the headers of `web/_headers`, served without the
//! Worker, so its module does not hold them (docs/decisions/0013). The native binary holds them, so
//! that it needs no folder to serve them.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, header};

use crate::kernel::http::error::{ApiError, Code};

/// The reference loads its own style sheet and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'";
const CACHE: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=300");

#[cfg(not(target_arch = "wasm32"))]
mod file {
    pub(super) const DESCRIPTION: Option<&str> = Some(include_str!("../../openapi.json"));
    pub(super) const PAGE: Option<&str> = Some(include_str!("../../public/docs.html"));
    pub(super) const STYLE: Option<&str> = Some(include_str!("../../public/docs.css"));
}

/// A Worker answers this only if it was deployed without its assets.
#[cfg(target_arch = "wasm32")]
mod file {
    pub(super) const DESCRIPTION: Option<&str> = None;
    pub(super) const PAGE: Option<&str> = None;
    pub(super) const STYLE: Option<&str> = None;
}

/// `GET /openapi.json`: returns the description (`OpenAPI` 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    responses((status = 200, body = serde_json::Value)),
)]
pub async fn openapi() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), CACHE];
    answer(file::DESCRIPTION, headers)
}

/// `GET /docs`: returns the HTML reference.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "service",
    responses((status = 200, content_type = "text/html", body = String)),
)]
pub async fn page() -> Response {
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    let policy = (header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    answer(file::PAGE, [kind, CACHE, policy])
}

/// `GET /docs.css`: returns the style sheet of the reference.
#[utoipa::path(
    get,
    path = "/docs.css",
    tag = "service",
    responses((status = 200, content_type = "text/css", body = String)),
)]
pub async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), CACHE];
    answer(file::STYLE, headers)
}

fn answer<const N: usize>(
    file: Option<&'static str>,
    headers: [(HeaderName, &'static str); N],
) -> Response {
    match file {
        Some(file) => (headers, file).into_response(),
        None => ApiError::from(Code::NotFound).into_response(),
    }
}
