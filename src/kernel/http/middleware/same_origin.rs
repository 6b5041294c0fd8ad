//! Protection against cross-site request forgery: unsafe requests of browsers must come from the
//! service's own pages (OWASP CSRF cheat sheet, Fetch Metadata).
//!
//! `Sec-Fetch-Site` decides, and `Origin` if it is missing. A request with neither does not come
//! from a browser, such as a request of the web app's server with a visitor's cookie. A browser
//! never sends a Bearer token by itself, so a request with only a Bearer token passes.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use crate::kernel::http::KernelState;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::has_bearer;
use crate::kernel::model::config::Config;

/// The text of the error for a page whose origin is allowed.
const OTHER_SITE: &str = "The page and the API are on different sites, so the browser sends no \
    cookie. Serve both below one domain. For a browser, localhost and 127.0.0.1 are two.";

/// Refuses unsafe requests that a page of another site made a browser send.
pub async fn require_same_origin(
    State(app): State<KernelState>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let bearer_alone = has_bearer(headers) && !headers.contains_key(header::COOKIE);
    if request.method().is_safe() || bearer_alone || is_ours(&app.ports.config, headers) {
        return next.run(request).await;
    }
    refusal(&app.ports.config, headers).into_response()
}

/// Returns the error for a request that is not one of the service's own pages. The log has the
/// reason.
pub(crate) fn refusal(config: &Config, headers: &HeaderMap) -> ApiError {
    let refused = |why: &str| ApiError::because(Code::CrossSiteRequest, why);
    let origin = headers.get(header::ORIGIN);
    match origin.map(|origin| config.allows_origin(origin.as_bytes())) {
        Some(true) => ApiError {
            detail: Some(OTHER_SITE.into()),
            ..refused("the origin is allowed, but the page and the API are on different sites")
        },
        Some(false) => refused("the origin is not in ALLOWED_ORIGINS"),
        None => refused("a page of another site"),
    }
}

/// Returns true if a browser sent the request for one of the service's own pages, or if no browser
/// sent it.
pub(crate) fn is_ours(config: &Config, headers: &HeaderMap) -> bool {
    let (Ok(site), Ok(origin)) = (
        at_most_one(headers, "sec-fetch-site"),
        at_most_one(headers, "origin"),
    ) else {
        return false;
    };
    let allowed = origin.map(|origin| config.allows_origin(origin));
    match site {
        Some(b"same-origin") => true,
        // Another host of the same site: only configured origins.
        Some(b"same-site") => allowed == Some(true),
        // `none`: the user caused the request, not a page. No header: an old browser, which sends
        // `Origin`, or no browser.
        Some(b"none") | None => allowed != Some(false),
        Some(_) => false,
    }
}

/// Returns true if a page of the service's own origin sent the request.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    at_most_one(headers, "sec-fetch-site") == Ok(Some(b"same-origin".as_slice()))
}

/// Returns the header's value if the request has one, and an error if it has several.
fn at_most_one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(http::HeaderValue::as_bytes);
    if values.next().is_some() {
        Err(())
    } else {
        Ok(first)
    }
}
