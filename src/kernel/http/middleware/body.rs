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
use crate::kernel::http::route::{BODY_LIMIT, BodyForm, Facts};

/// The maximum number of headers of a request, which hyper has too. The Worker joins headers of one
/// name.
const MOST_HEADERS: usize = 100;
/// The largest size of the headers in bytes, with their names.
const HEADERS_LIMIT: usize = 32 * 1024;
/// The longest path and query in bytes.
const URI_LIMIT: usize = 8 * 1024;
/// The largest body in bytes that is read, also to refuse it. No route accepts a larger one.
pub const READ_LIMIT: usize = 1024 * 1024;

/// The bodies that a route accepts.
#[derive(Clone, Copy, Debug)]
pub struct BodyRules {
    /// The media types.
    pub form: BodyForm,
    /// The largest size in bytes.
    pub limit: usize,
}

impl Default for BodyRules {
    fn default() -> Self {
        Self {
            form: BodyForm::Json,
            limit: BODY_LIMIT,
        }
    }
}

impl From<&Facts> for BodyRules {
    fn from(facts: &Facts) -> Self {
        Self {
            form: facts.bodies,
            limit: facts.body_limit,
        }
    }
}

/// Reads the body and refuses it if it is too large or not JSON. This holds also for handlers that
/// read no body.
///
/// The body is read before the response is sent. If a response is sent earlier, workerd leaves all
/// later requests of the connection without a response.
pub async fn read_body(State(rules): State<BodyRules>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let length = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // A body that announces its length is refused at once. A body without a length is cut off at
    // the limit.
    if length.is_some_and(|length| usize::try_from(length).unwrap_or(usize::MAX) > READ_LIMIT) {
        return too_large(rules.limit).into_response();
    }
    let bytes = match read(body, rules.limit).await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    if let Some(code) = excess_of_head(&parts) {
        return ApiError::from(code).into_response();
    }
    let forms = rules.form == BodyForm::JsonOrForm;
    let fits = is_json(&parts.headers) || forms && is_form(&parts.headers);
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
    let _ = read(body, BODY_LIMIT).await;
    Request::from_parts(parts, Body::empty())
}

/// Returns the error of a body above `limit` bytes.
fn too_large(limit: usize) -> ApiError {
    let kibibytes = limit / 1024;
    ApiError::detailed(
        Code::BodyTooLarge,
        format!("The body is larger than {kibibytes} KiB. Send a smaller one."),
    )
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
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
        if seen <= limit {
            kept.extend_from_slice(&data);
        }
    }
    if seen > limit {
        Err(too_large(limit))
    } else {
        Ok(kept.into())
    }
}
