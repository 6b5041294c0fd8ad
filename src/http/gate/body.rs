//! Bodies are small and JSON: a form or plain text, which a page of any origin can send without asking (a "simple" request), is refused.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::http::error::{ApiError, Code};
use crate::http::extract::is_json;

/// Bodies are small.
pub const BODY_LIMIT: u64 = 64 * 1024;

/// Refuses every body that is announced as too large, and every one that says it is not JSON, also where no body is read.
pub async fn gate(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::CONTENT_TYPE) && !is_json(request.headers()) && !request.method().is_safe() {
        return ApiError::from(Code::UnsupportedMediaType).into_response();
    }
    // Told before the body is waited for; a body without a length is cut off when it gets too long.
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_LIMIT) {
        return ApiError::from(Code::BodyTooLarge).into_response();
    }
    next.run(request).await
}
