//! The credential of a request: the session cookie or a Bearer token (RFC 6750 §2.1), never both.

use http::request::Parts;
use http::{HeaderMap, Uri, header};

use crate::accounts::domain::authenticate::Credential;
use crate::accounts::http::cookie::{CookieLookup, SessionCookie};
use crate::kernel::http::error::Code;
use crate::kernel::http::extract::{has_bearer, parameters};
use crate::kernel::model::secret::SessionToken;

/// The credential of a request, and how it was sent.
#[derive(Debug)]
pub struct PresentedCredential {
    /// The credential.
    pub credential: Credential,
    /// The second session cookie, for a request whose first one is not valid.
    pub alternative: Option<Credential>,
    /// Whether the credential came in the cookie. The cookie must be set again when its session is
    /// extended.
    pub by_cookie: bool,
}

/// Reads the credential of a request. Returns `None` if the request has none.
///
/// # Errors
/// [`Code::InvalidToken`] for a malformed credential, [`Code::MultipleCredentials`],
/// [`Code::TokenInQuery`].
pub fn presented(
    parts: &Parts,
    cookie: &SessionCookie,
) -> Result<Option<PresentedCredential>, Code> {
    if has_token_in_query(&parts.uri) {
        return Err(Code::TokenInQuery);
    }
    let found = cookie.find(&parts.headers);
    if !has_bearer(&parts.headers) {
        let (value, other) = match found {
            CookieLookup::Nothing => return Ok(None),
            CookieLookup::Doubtful => return Err(Code::InvalidToken),
            CookieLookup::One(value) => (value, None),
            CookieLookup::Two(value, other) => (value, SessionToken::parse(other)),
        };
        let token = SessionToken::parse(value).ok_or(Code::InvalidToken)?;
        return Ok(Some(PresentedCredential {
            credential: Credential::Session(token),
            alternative: other.map(Credential::Session),
            by_cookie: true,
        }));
    }
    if found != CookieLookup::Nothing {
        return Err(Code::MultipleCredentials);
    }
    let credential = bearer(&parts.headers).ok_or(Code::InvalidToken)?;
    Ok(Some(PresentedCredential {
        credential,
        alternative: None,
        by_cookie: false,
    }))
}

/// Returns all credentials of a request that can be read. Logout ends all of them.
#[must_use]
pub fn all_presented(parts: &Parts, cookie: &SessionCookie) -> Vec<Credential> {
    let cookies = cookie
        .tokens(&parts.headers)
        .into_iter()
        .map(Credential::Session);
    cookies.chain(bearer(&parts.headers)).collect()
}

/// Returns the Bearer token if the request has exactly one `Authorization` header with one.
fn bearer(headers: &HeaderMap) -> Option<Credential> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    // The scheme is compared without case. At least one space follows it (RFC 9110 §11.4), and the
    // token has none.
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer")
        || token.is_empty()
        || !token.bytes().all(|b| b.is_ascii_graphic())
    {
        return None;
    }
    if token.starts_with(SessionToken::PREFIX) {
        return SessionToken::parse(token).map(Credential::Session);
    }
    Some(Credential::Access(token.to_owned()))
}

fn has_token_in_query(uri: &Uri) -> bool {
    parameters(uri).any(|(name, _)| {
        ["access_token", "session_token", "refresh_token"]
            .iter()
            .any(|token| name.eq_ignore_ascii_case(token))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn with_authorization(value: &HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.clone())])
    }

    proptest! {
        #[test]
        fn a_malformed_header_is_never_a_session(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let read = bearer(&with_authorization(&value));
                prop_assert!(!matches!(read, Some(Credential::Session(_))));
            }
        }

        #[test]
        fn a_valid_token_is_read_in_every_case_of_the_scheme(
            bytes in any::<[u8; 32]>(),
            scheme in "[bB][eE][aA][rR][eE][rR]",
        ) {
            let token = SessionToken::from_bytes(&bytes);
            let value = format!("{scheme} {}", token.reveal());
            let value = HeaderValue::from_str(&value).expect("a header");
            let read = bearer(&with_authorization(&value));
            prop_assert!(matches!(read, Some(Credential::Session(_))));
        }
    }

    #[test]
    fn a_token_in_the_query_is_seen() {
        let seen = |uri| has_token_in_query(&Uri::from_static(uri));
        assert!(seen("/x?a=b&Access_Token=x"));
        assert!(seen("/x?access%5Ftoken=x"));
        assert!(!seen("/x?my_access_token=x&a"));
        assert!(!seen("/x"));
    }
}
