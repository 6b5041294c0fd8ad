//! Bodies are JSON: a form or plain text, which a page of any origin can send without asking (a "simple" request), is refused.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::http::error::{ApiError, Code};
use crate::http::extract::is_json;

/// Refuses every body that says it is not JSON, also where no body is read.
pub async fn gate(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::CONTENT_TYPE) && !is_json(request.headers()) && !request.method().is_safe() {
        return ApiError::from(Code::UnsupportedMediaType).into_response();
    }
    next.run(request).await
}
