//! What a request presents to say who calls: the session cookie, or a Bearer token (RFC 6750 §2.1),
//! never both.

use http::request::Parts;
use http::{HeaderMap, header};

use crate::accounts::domain::authenticate::Credential;
use crate::accounts::http::cookie::{Found, Shape};
use crate::kernel::http::error::Code;
use crate::kernel::model::secret::SessionToken;

/// A credential that was presented.
#[derive(Debug)]
pub struct Presented {
    /// The credential.
    pub credential: Credential,
    /// Whether it came in the cookie, which must be written again when its session is extended.
    pub by_cookie: bool,
}

/// Reads what the request presents; `None` if it presents nothing.
///
/// # Errors
/// [`Code::InvalidToken`] for what cannot be a credential, [`Code::MultipleCredentials`],
/// [`Code::TokenInQuery`].
pub fn presented(parts: &Parts, cookie: &Shape) -> Result<Option<Presented>, Code> {
    if has_token_in_query(parts.uri.query().unwrap_or_default()) {
        return Err(Code::TokenInQuery);
    }
    let found = cookie.find(&parts.headers);
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        return match found {
            Found::Nothing => Ok(None),
            Found::Doubtful => Err(Code::InvalidToken),
            Found::One(value) => {
                let token = SessionToken::parse(value).ok_or(Code::InvalidToken)?;
                Ok(Some(Presented {
                    credential: Credential::Session(token),
                    by_cookie: true,
                }))
            }
        };
    }
    if found != Found::Nothing {
        return Err(Code::MultipleCredentials);
    }
    let credential = bearer(&parts.headers).ok_or(Code::InvalidToken)?;
    Ok(Some(Presented {
        credential,
        by_cookie: false,
    }))
}

/// Every credential that can be made out, for signing out: whatever is presented shall end.
#[must_use]
pub fn all_presented(parts: &Parts, cookie: &Shape) -> Vec<Credential> {
    let cookies = cookie
        .tokens(&parts.headers)
        .into_iter()
        .map(Credential::Session);
    cookies.chain(bearer(&parts.headers)).collect()
}

/// The Bearer token, if there is exactly one Authorization header and it is one.
fn bearer(headers: &HeaderMap) -> Option<Credential> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    // The scheme is compared without case (RFC 9110 §11.1); one space; the token holds none.
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
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

fn has_token_in_query(query: &str) -> bool {
    let name = |pair: &str| {
        pair.split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    query.split('&').map(name).any(|name| {
        matches!(
            name.as_str(),
            "access_token" | "session_token" | "refresh_token"
        )
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
        fn a_malformed_header_is_never_a_session(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let read = bearer(&with_authorization(&value));
                prop_assert!(!matches!(read, Some(Credential::Session(_))));
            }
        }

        #[test]
        fn a_good_token_is_read_whatever_the_scheme_s_case(bytes in any::<[u8; 32]>(), scheme in "[bB][eE][aA][rR][eE][rR]") {
            let value = HeaderValue::from_str(&format!("{scheme} {}", SessionToken::from_bytes(&bytes).reveal())).expect("a header");
            prop_assert!(matches!(bearer(&with_authorization(&value)), Some(Credential::Session(_))));
        }
    }

    #[test]
    fn a_token_in_the_query_is_seen() {
        assert!(has_token_in_query("a=b&Access_Token=x"));
        assert!(!has_token_in_query("my_access_token=x&a"));
    }
}
