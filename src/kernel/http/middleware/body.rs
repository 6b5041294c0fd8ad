//! The limits of requests: a short head, and a small body of JSON. A page of any origin can send
//! forms and plain text without a preflight (a "simple" request), so they are refused.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{is_form, is_json};
use crate::kernel::http::route::BodyForm;

/// The maximum number of headers of a request, which hyper has too. The Worker joins headers of one
/// name.
const MOST_HEADERS: usize = 100;
/// The largest size of the headers in bytes, with their names.
const HEADERS_LIMIT: usize = 32 * 1024;
/// The longest path and query in bytes.
const URI_LIMIT: usize = 8 * 1024;
/// The largest body in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;
/// The largest body in bytes that is read before it is refused.
const READ_LIMIT: usize = 1024 * 1024;

/// Reads the body and refuses it if it is too large or not JSON. This holds also for handlers that
/// read no body.
///
/// The body is read before the response is sent. If a response is sent earlier, workerd leaves all
/// later requests of the connection without a response.
pub async fn read_body(State(form): State<BodyForm>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let length = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // A body that announces its length is refused at once. A body without a length is cut off at
    // the limit.
    if length.is_some_and(|length| usize::try_from(length).unwrap_or(usize::MAX) > READ_LIMIT) {
        return ApiError::from(Code::BodyTooLarge).into_response();
    }
    let bytes = match read(body).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    if let Some(code) = excess_of_head(&parts) {
        return ApiError::from(code).into_response();
    }
    let fits = is_json(&parts.headers) || form == BodyForm::JsonOrForm && is_form(&parts.headers);
    // An empty body has no type (RFC 9110 §8.3), although some clients send one.
    let typed = !bytes.is_empty() && parts.headers.contains_key(header::CONTENT_TYPE);
    if typed && !fits && !parts.method.is_safe() {
        return ApiError::from(Code::UnsupportedMediaType).into_response();
    }
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

/// Returns the code for a head that is too long.
fn excess_of_head(parts: &Parts) -> Option<Code> {
    let headers = &parts.headers;
    let sizes = headers.iter();
    let size: usize = sizes
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let uri = parts
        .uri
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len());
    if uri > URI_LIMIT {
        Some(Code::UriTooLong)
    } else if headers.keys_len() > MOST_HEADERS || size > HEADERS_LIMIT {
        Some(Code::HeadersTooLarge)
    } else {
        None
    }
}

/// Reads and drops the body of a request whose response does not need it.
pub async fn drop_body(request: Request) -> Request {
    let (parts, body) = request.into_parts();
    // A body that is too large or ends early has no effect either.
    let _ = read(body).await;
    Request::from_parts(parts, Body::empty())
}

async fn read(mut body: Body) -> Result<Bytes, ApiError> {
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| ApiError::because(Code::MalformedJson, "the body ended early"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen > READ_LIMIT {
            break;
        }
        if seen <= BODY_LIMIT {
            kept.extend_from_slice(&data);
        }
    }
    if seen > BODY_LIMIT {
        Err(Code::BodyTooLarge.into())
    } else {
        Ok(kept.into())
    }
}
