//! The API's description, for machines and for people. Both are written by `make openapi` and kept in the repository;
//! a test fails when they are stale.

use axum::response::IntoResponse;
use http::header;

/// Pages load their own style sheet and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const CACHE: &str = "public, max-age=300";

/// `GET /openapi.json`: the description (`OpenAPI` 3.1).
#[utoipa::path(get, path = "/openapi.json", tag = "service", responses((status = 200, body = serde_json::Value)))]
pub async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, CACHE)], include_str!("../../openapi.json"))
}

/// `GET /docs`: the reference.
#[utoipa::path(get, path = "/docs", tag = "service", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, CACHE),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    (headers, include_str!("../../public/docs.html"))
}

/// `GET /docs.css`: the reference's style.
#[utoipa::path(get, path = "/docs.css", tag = "service", responses((status = 200, content_type = "text/css", body = String)))]
pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, CACHE)], include_str!("../../public/docs.css"))
}
