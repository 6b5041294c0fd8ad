//! Around the authorization service's endpoints: its form of errors, no token in an address, and a
//! line in the log about who asked.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{ClientAddress, RequestId};
use crate::kernel::model::secret::PersonToken;

/// Characters of a token's hash that the log keeps: enough to follow a token through it, and
/// nothing to present.
const HASH_PREFIX: usize = 8;
/// Longest `x-client-id` that the log keeps.
const CLIENT_CHARS: usize = 64;

/// Lets a request through, and gives its errors the form that callers know.
pub async fn apply_conventions(request: Request, next: Next) -> Response {
    note(&request);
    let mut response = if has_token(request.uri().query().unwrap_or_default()) {
        ApiError::from(Code::TokenInQuery).into_response()
    } else {
        next.run(request).await
    };
    if let Some(error) = response.extensions_mut().get_mut::<ApiError>() {
        // One word for what cannot be read, and one status.
        if matches!(
            error.code,
            Code::BadRequest | Code::MalformedJson | Code::InvalidBody
        ) {
            let (reason, members, detail) =
                (error.reason.take(), error.members.take(), error.detail);
            *error = ApiError {
                reason,
                detail,
                members,
                ..Code::InvalidRequestBody.into()
            };
            *response.status_mut() = Code::InvalidRequestBody.status();
        }
    }
    response
}

/// Whether a query has a token in it, however it is spelt.
fn has_token(query: &str) -> bool {
    let names = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default());
    names
        .into_iter()
        .any(|name| name.contains('%') || name.eq_ignore_ascii_case("token"))
}

/// Who asks for what: the endpoint, the address, and by what a token can be found again. Never the
/// token.
fn note(request: &Request) {
    let extensions = request.extensions();
    let request_id = extensions.get::<RequestId>().map_or("", |id| id.0.as_str());
    let route = extensions
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str);
    let address = extensions
        .get::<ClientAddress>()
        .and_then(|ClientAddress(address)| *address);
    let address = address
        .map(|address| address.to_canonical().to_string())
        .unwrap_or_default();
    let token = text(request.headers(), "token")
        .and_then(PersonToken::parse)
        .map(|token| token.hash());
    let token = token
        .as_ref()
        .and_then(|hash| hash.as_str().get(..HASH_PREFIX))
        .unwrap_or_default();
    let client: String = text(request.headers(), "x-client-id")
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_graphic)
        .take(CLIENT_CHARS)
        .collect();
    tracing::info!(request_id, route, address, token, client, "authorization");
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
