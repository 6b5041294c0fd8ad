//! What a replica near by may answer, where `D1_REPLICAS=on`.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName};

use crate::kernel::http::extract::ReplicaReads;

/// The header in which a bookmark of D1 comes and goes.
pub const BOOKMARK: HeaderName = HeaderName::from_static("x-d1-bookmark");
/// D1's have about 70 characters.
const MOST_CHARS: usize = 128;

/// Around routes that only read.
pub async fn allow_replica(request: Request, next: Next) -> Response {
    if let Some(reads) = request.extensions().get::<ReplicaReads>() {
        reads.allow();
    }
    next.run(request).await
}

/// What a request presents, in the header or else in the cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Presented {
    /// Nothing: any replica will do.
    Nothing,
    /// Where the database stood after the caller's last change.
    Bookmark(String),
    /// Several, or what cannot be one: the primary is asked, which is right in any case.
    Doubtful,
}

/// Reads the bookmark of a request, from the header or else from the cookies that `in_cookies`
/// returns.
#[must_use]
pub fn presented<'a>(
    headers: &'a HeaderMap,
    in_cookies: impl FnOnce() -> Vec<&'a [u8]>,
) -> Presented {
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
        [] => Presented::Nothing,
        [one] if is_one(one) => Presented::Bookmark(String::from_utf8_lossy(one).into_owned()),
        _ => Presented::Doubtful,
    }
}
