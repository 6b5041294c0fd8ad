//! What a replica near by may answer, where `D1_REPLICAS=on`.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName};

use crate::http::cookie;
use crate::http::extract::ReplicaReads;

/// The header in which a bookmark of D1 comes and goes.
pub const BOOKMARK: HeaderName = HeaderName::from_static("x-d1-bookmark");
/// D1's have about 70 characters.
const MOST_CHARS: usize = 128;

/// Around routes that only read.
pub async fn gate(request: Request, next: Next) -> Response {
    if let Some(reads) = request.extensions().get::<ReplicaReads>() {
        reads.allow();
    }
    next.run(request).await
}

/// The bookmark that a request presents: in the header, or else in the cookie. What cannot be one is as good as none.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(&BOOKMARK).map(http::HeaderValue::as_bytes);
    let text = std::str::from_utf8(header.or_else(|| cookie::bookmark(headers))?).ok()?;
    let ok = (8..=MOST_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    ok.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    #[test]
    fn a_bookmark_is_hexadecimal_and_short() {
        let headers = |name: HeaderName, value: &str| HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a header"))]);
        let good = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
        assert_eq!(presented(&headers(BOOKMARK, good)).as_deref(), Some(good));
        assert_eq!(presented(&headers(header::COOKIE, &format!("a=b; hamrah-bookmark={good}"))).as_deref(), Some(good));
        for bad in ["", "first-unconstrained", "first-primary", "00000085; x", &"0".repeat(129)] {
            assert_eq!(presented(&headers(BOOKMARK, bad)), None, "{bad}");
        }
    }
}
