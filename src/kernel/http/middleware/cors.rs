//! The origins of pages that may read responses (CORS: Fetch §3.3). Only exact origins are allowed,
//! never a wildcard.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowCredentials, AllowOrigin, CorsLayer};

use crate::kernel::http::middleware::body::drop_body;
use crate::kernel::http::middleware::replicas::BOOKMARK;
use crate::kernel::http::respond;
use crate::kernel::http::respond::{RefusedPreflight, UnlistedOrigin};
use crate::kernel::model::config::Config;

/// The request headers that a response depends on. Caches need them also if the request has no
/// `Origin`.
const VARY: HeaderValue = HeaderValue::from_static(
    "origin, access-control-request-method, access-control-request-headers",
);

/// The methods that pages may use.
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// The request headers that pages may send.
const HEADERS: [&str; 16] = [
    "authorization",
    "content-type",
    "accept",
    "idempotency-key",
    "if-none-match",
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
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(credentials)
        .allow_methods(METHODS)
        .allow_headers(HEADERS.map(HeaderName::from_static))
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
    let has_origin = request.headers().contains_key(header::ORIGIN);
    if has_origin || preflight {
        // The layer answers a preflight, so the body must be read here.
        let request = if preflight {
            drop_body(request).await
        } else {
            request
        };
        let asked = preflight.then(|| request.headers().clone());
        let mut response = layer
            .layer(next)
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {});
        if let Some(refused) = asked.and_then(|asked| refusal(&asked, response.headers())) {
            response.extensions_mut().insert(refused);
        } else if has_origin
            && !response
                .headers()
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        {
            response.extensions_mut().insert(UnlistedOrigin);
        }
        return response;
    }
    let mut response = next.run(request).await;
    response.headers_mut().append(header::VARY, VARY);
    response
}

/// Returns the reason why a browser takes the answer to a preflight as a refusal.
fn refusal(asked: &HeaderMap, answered: &HeaderMap) -> Option<RefusedPreflight> {
    // Without an origin or a method it is no preflight.
    let method = asked.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    asked.get(header::ORIGIN)?;
    // A browser always allows HEAD (Fetch §2.2.1).
    let method_allowed = method == "HEAD" || METHODS.iter().any(|each| method == each.as_str());
    let is_allowed = |name: &str| {
        let mut allowed = HEADERS.iter();
        name.is_empty() || allowed.any(|each| each.eq_ignore_ascii_case(name))
    };
    let headers_allowed = asked
        .get_all(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .all(|names| {
            let names = names.to_str().unwrap_or("?");
            names.split(',').map(str::trim).all(is_allowed)
        });
    if !answered.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        Some(RefusedPreflight(
            "the origin of the preflight is not in ALLOWED_ORIGINS",
        ))
    } else if !method_allowed {
        Some(RefusedPreflight(
            "the method of the preflight is not allowed",
        ))
    } else if !headers_allowed {
        Some(RefusedPreflight("a header of the preflight is not allowed"))
    } else {
        None
    }
}

/// Adds CORS headers to an answer that does not come from the router, to a request of `origin`.
pub async fn add_to(
    layer: &CorsLayer,
    origin: Option<HeaderValue>,
    mut response: Response,
) -> Response {
    let Some(origin) = origin else {
        response.headers_mut().append(header::VARY, VARY);
        return response;
    };
    // Also for a preflight: a browser refuses it by its status.
    let mut request = Request::new(Body::empty());
    request.headers_mut().insert(header::ORIGIN, origin);
    let mut response = Some(response);
    let answer = service_fn(move |_: Request| {
        let response = response.take().unwrap_or_default();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let answered = layer.layer(answer).oneshot(request).await;
    answered.unwrap_or_else(|never| match never {})
}
