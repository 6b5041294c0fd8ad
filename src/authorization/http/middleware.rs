//! The conventions of the authorization service's endpoints: the form of its errors, no token in a
//! query, and a line in the log about the caller.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Uri};

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{ClientAddress, RequestId, parameters};
use crate::kernel::model::secret::PersonToken;

/// Characters of a token's hash in the log. They suffice to find the requests of a token, and
/// cannot be used as a token.
const HASH_PREFIX: usize = 8;
/// Characters of `x-client-id` in the log, at most.
const CLIENT_CHARS: usize = 64;

/// Runs a request, and gives its errors the form of the authorization service.
pub async fn apply_conventions(request: Request, next: Next) -> Response {
    note(&request);
    let mut response = if has_token(request.uri()) {
        ApiError::from(Code::TokenInQuery).into_response()
    } else {
        next.run(request).await
    };
    if let Some(error) = response.extensions_mut().get_mut::<ApiError>() {
        // Every unreadable body has the same code and status.
        if matches!(
            error.code,
            Code::BadRequest | Code::MalformedJson | Code::InvalidBody
        ) {
            let (reason, members, detail) = (
                error.reason.take(),
                error.members.take(),
                error.detail.take(),
            );
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

/// Returns true if a query contains a token, in any spelling.
fn has_token(uri: &Uri) -> bool {
    parameters(uri).any(|(name, _)| name.eq_ignore_ascii_case("token"))
}

/// Logs the endpoint, the address of the caller, and the start of the token's hash. Never logs the
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
