//! Reads from D1 read replicas (`D1_REPLICAS=on`).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName};

use crate::kernel::http::extract::ReplicaReads;

/// The header that carries a D1 bookmark in requests and responses.
pub const BOOKMARK: HeaderName = HeaderName::from_static("x-d1-bookmark");
/// The largest number of characters of a bookmark. D1's bookmarks have about 70.
const MOST_CHARS: usize = 128;

/// Allows reads from a replica. Only routes that do not write have this middleware.
pub async fn allow_replica(request: Request, next: Next) -> Response {
    if let Some(reads) = request.extensions().get::<ReplicaReads>() {
        reads.allow();
    }
    next.run(request).await
}

/// The bookmark of a request, from the header or else from the cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PresentedBookmark {
    /// The request has no bookmark. Any replica may answer.
    Nothing,
    /// The state of the database after the caller's last change.
    Bookmark(String),
    /// The request has several bookmarks or a malformed one. The primary answers.
    Doubtful,
}

/// Reads the bookmark of a request, from the header or else from the cookies that `in_cookies`
/// returns.
#[must_use]
pub fn presented<'a>(
    headers: &'a HeaderMap,
    in_cookies: impl FnOnce() -> Vec<&'a [u8]>,
) -> PresentedBookmark {
    let mut said: Vec<&'a [u8]> = headers
        .get_all(&BOOKMARK)
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    if said.is_empty() {
        said = in_cookies();
    }
    let is_one = |text: &&[u8]| {
        (8..=MOST_CHARS).contains(&text.len())
            && text.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-')
    };
    match said.as_slice() {
        [] => PresentedBookmark::Nothing,
        [one] if is_one(one) => {
            PresentedBookmark::Bookmark(String::from_utf8_lossy(one).into_owned())
        }
        _ => PresentedBookmark::Doubtful,
    }
}
