//! The middleware of `/api/internal/*`. It accepts a named service with a secret key and refuses
//! browsers.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use crate::kernel::http::KernelState;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::InternalService;

/// Accepts a request of an internal service by its two headers.
pub async fn require_internal_key(
    State(app): State<KernelState>,
    mut request: Request,
    next: Next,
) -> Response {
    match service(&app, request.headers()) {
        Ok(service) => {
            request.extensions_mut().insert(InternalService(service));
            next.run(request).await
        }
        Err(code) => ApiError::from(code).into_response(),
    }
}

fn service(app: &KernelState, headers: &HeaderMap) -> Result<String, Code> {
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Err(Code::BrowserRequest);
    }
    // The key is compared even if the service's name is wrong, so that timing does not reveal the
    // name.
    let key =
        only(headers, "x-internal-key").is_some_and(|key| app.ports.config.is_internal_key(key));
    let name = only(headers, "x-internal-service")
        .and_then(|name| std::str::from_utf8(name).ok())
        .unwrap_or_default();
    let known = app
        .ports
        .config
        .internal_services
        .iter()
        .find(|known| *known == name);
    match known {
        Some(known) if key => Ok(known.clone()),
        _ => Err(Code::InternalKeyRequired),
    }
}

/// Returns the header's value if the request has exactly one.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}
