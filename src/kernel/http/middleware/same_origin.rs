//! Cross-site request forgery: unsafe requests must come from our own pages (OWASP CSRF cheat
//! sheet, Fetch Metadata).
//!
//! `Sec-Fetch-Site` first, `Origin` as the fallback. A request with neither comes from no browser;
//! the web app's server forwards a visitor's cookie like that. A Bearer token alone is nothing that
//! a browser sends by itself.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use crate::kernel::http::App;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::model::config::Config;

/// Refuses unsafe requests that a foreign page made a browser send.
pub async fn require_same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let bearer_alone =
        headers.contains_key(header::AUTHORIZATION) && !headers.contains_key(header::COOKIE);
    if request.method().is_safe() || bearer_alone || is_ours(&app.ports.config, headers) {
        return next.run(request).await;
    }
    ApiError::from(Code::CrossSiteRequest).into_response()
}

/// Whether a browser sent it for one of our own pages, or no browser did.
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
        // Another host of our site: only those that are configured.
        Some(b"same-site") => allowed == Some(true),
        // `none`: the user did it, no page. No header: an old browser, which sends Origin, or no
        // browser.
        Some(b"none") | None => allowed != Some(false),
        Some(_) => false,
    }
}

/// The header's value, if there is one; an error if there are several.
fn at_most_one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(http::HeaderValue::as_bytes);
    if values.next().is_some() {
        Err(())
    } else {
        Ok(first)
    }
}
