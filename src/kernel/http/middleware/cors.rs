//! The origins of pages that may read responses (CORS: Fetch §3.3). Only exact origins are allowed,
//! never a wildcard.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, header};
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowCredentials, AllowOrigin, CorsLayer};

use crate::kernel::http::middleware::body::drop_body;
use crate::kernel::http::middleware::replicas::BOOKMARK;
use crate::kernel::http::respond;
use crate::kernel::model::config::Config;

/// The request headers that a response depends on. Caches need them also if the request has no
/// `Origin`.
const VARY: HeaderValue = HeaderValue::from_static(
    "origin, access-control-request-method, access-control-request-headers",
);

/// Returns the layer for the configured origins.
pub fn layer(config: &Config) -> Arc<CorsLayer> {
    let with_cookies = config.clone();
    let config = config.clone();
    let origins = AllowOrigin::predicate(move |origin, _| {
        config.allows_origin(origin.as_bytes()) || config.allows_app_origin(origin.as_bytes())
    });
    // An app's pages send no cookies, so that a request of another app with this scheme cannot use
    // the user's session.
    let credentials =
        AllowCredentials::predicate(move |origin, _| with_cookies.allows_origin(origin.as_bytes()));
    let ours = [
        "x-d1-bookmark",
        "x-request-id",
        "x-request-challenge",
        "x-ios-app-attest-key",
        "x-ios-app-attest-assertion",
        "x-ios-app-bundle-id",
        "x-requested-with",
        "x-csrf-token",
        "x-expected-user",
        "x-client-id",
        "token",
    ];
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        header::IF_NONE_MATCH,
    ]
    .into_iter()
    .chain(ours.map(HeaderName::from_static));
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(credentials)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(headers.collect::<Vec<_>>())
        .expose_headers([
            header::RETRY_AFTER,
            header::LINK,
            header::ETAG,
            respond::REQUEST_ID,
            BOOKMARK,
        ])
        .max_age(std::time::Duration::from_mins(10));
    Arc::new(layer)
}

/// Adds CORS headers only if the request has an `Origin`. Most requests come from apps and services
/// and have none.
pub async fn add_headers(
    State(layer): State<Arc<CorsLayer>>,
    request: Request,
    next: Next,
) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    if request.headers().contains_key(header::ORIGIN) || preflight {
        // The layer answers a preflight, so the body must be read here.
        let request = if preflight {
            drop_body(request).await
        } else {
            request
        };
        return layer
            .layer(next)
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {});
    }
    let mut response = next.run(request).await;
    response.headers_mut().append(header::VARY, VARY);
    response
}
