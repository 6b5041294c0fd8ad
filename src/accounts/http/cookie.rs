//! The session cookie: its name, and how it is read and written.
//!
//! Its name is `__Host-session` (RFC 6265bis §4.1.3.2). If a shared domain is configured, or on a
//! developer's localhost over plain http, its name is `session`, because browsers refuse the prefix
//! there.

use http::{HeaderMap, HeaderValue, Uri, header};

use crate::accounts::model::config::Config;
use crate::kernel::model::config::Environment;
use crate::kernel::model::secret::SessionToken;
use crate::kernel::model::time::Timestamp;

const HOST_ONLY: &str = "__Host-session";
const SHARED: &str = "session";
/// The cookie with the state of the database after the user's last change (`D1_REPLICAS`). It
/// grants no rights.
const BOOKMARK: &str = "hamrah-bookmark";
const HOST_ONLY_BOOKMARK: &str = "__Host-hamrah-bookmark";
/// How long the bookmark cookie lasts, in seconds. Replicas are usually less far behind, but D1
/// gives no guarantee.
const BOOKMARK_LASTS: i64 = 60;
/// The largest number of cookies of the name that logout reads.
const MOST_TOKENS: usize = 4;

/// The name and the attributes of the session cookie for a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionCookie {
    name: &'static str,
    domain: Option<String>,
    secure: bool,
}

/// The result of the search for the session cookie.
#[derive(PartialEq, Eq, Debug)]
pub enum CookieLookup<'a> {
    /// The request has no session cookie.
    Nothing,
    /// The request has one session cookie with this value.
    One(&'a str),
    /// The request has two cookies of the name whose values have the form of a session token. The
    /// browser sends a cookie of another host of the domain, or of another port of localhost, too.
    Two(&'a str, &'a str),
    /// The request has several cookies of the name or imitations of it. It is refused.
    Doubtful,
}

impl SessionCookie {
    /// Returns the cookie for a request to `uri` with `headers`.
    #[must_use]
    pub fn for_request(config: &Config, uri: &Uri, headers: &HeaderMap) -> Self {
        let plain = config.environment == Environment::Development
            && uri.scheme_str() != Some("https")
            && is_local(uri, headers);
        if plain {
            return Self {
                name: SHARED,
                domain: None,
                secure: false,
            };
        }
        let name = if config.cookie_domain.is_some() {
            SHARED
        } else {
            HOST_ONLY
        };
        Self {
            name,
            domain: config.cookie_domain.clone(),
            secure: true,
        }
    }

    /// Searches the request for the cookie.
    ///
    /// Under the prefix `__Host-`, a second cookie of the name is an attack, and so are names that
    /// differ only in case and values without a name. Without the prefix, other software may have
    /// set a cookie of the name, so the first two values that have the form of a session token are
    /// found.
    #[must_use]
    pub fn find<'a>(&self, headers: &'a HeaderMap) -> CookieLookup<'a> {
        if self.name == SHARED {
            return self.find_shared(headers);
        }
        let mut found = CookieLookup::Nothing;
        for (name, value) in pairs(headers) {
            let nameless = name.is_empty()
                && value
                    .get(..self.name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(self.name.as_bytes()));
            if !nameless
                && !name
                    .trim_ascii_end()
                    .eq_ignore_ascii_case(self.name.as_bytes())
            {
                continue;
            }
            let value = std::str::from_utf8(value).ok().filter(|_| {
                !nameless && name == self.name.as_bytes() && found == CookieLookup::Nothing
            });
            let Some(value) = value else {
                return CookieLookup::Doubtful;
            };
            found = CookieLookup::One(value);
        }
        found
    }

    fn find_shared<'a>(&self, headers: &'a HeaderMap) -> CookieLookup<'a> {
        let named = || {
            pairs(headers)
                .filter(|(name, _)| *name == self.name.as_bytes())
                .map(|(_, value)| std::str::from_utf8(value).ok())
        };
        let mut ours = named()
            .flatten()
            .filter(|value| SessionToken::parse(value).is_some());
        match (ours.next(), ours.next()) {
            (Some(first), Some(second)) if first != second => CookieLookup::Two(first, second),
            (Some(first), _) => CookieLookup::One(first),
            (None, _) if named().next().is_some() => CookieLookup::Doubtful,
            (None, _) => CookieLookup::Nothing,
        }
    }

    /// Returns all session tokens in cookies of this name. Logout uses them, because an imitation
    /// must not keep the real session alive.
    #[must_use]
    pub fn tokens(&self, headers: &HeaderMap) -> Vec<SessionToken> {
        let named = pairs(headers).filter(|(name, _)| *name == self.name.as_bytes());
        named
            .filter_map(|(_, value)| SessionToken::parse(std::str::from_utf8(value).ok()?))
            .take(MOST_TOKENS)
            .collect()
    }

    /// Returns the `Set-Cookie` value for a session that expires at `expires_at`.
    #[must_use]
    pub fn set(&self, token: &SessionToken, expires_at: Timestamp, now: Timestamp) -> HeaderValue {
        let mut value = self.write(
            self.name,
            token.reveal(),
            expires_at.seconds_since(now),
            self.domain.as_deref(),
        );
        value.set_sensitive(true);
        value
    }

    /// Returns the `Set-Cookie` values that clear the cookie, with and without the domain.
    #[must_use]
    pub fn clear(&self) -> Vec<HeaderValue> {
        let mut cleared = vec![self.write(self.name, "", 0, None)];
        if let Some(domain) = &self.domain {
            cleared.push(self.write(self.name, "", 0, Some(domain)));
        }
        cleared
    }

    fn bookmark_name(&self) -> &'static str {
        if self.name == HOST_ONLY {
            HOST_ONLY_BOOKMARK
        } else {
            BOOKMARK
        }
    }

    /// Returns the values of the bookmark cookies, unchecked.
    pub fn bookmarks<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a [u8]> {
        let wanted = self.bookmark_name().as_bytes();
        pairs(headers)
            .filter(move |(name, _)| *name == wanted)
            .map(|(_, value)| value)
    }

    /// Returns the `Set-Cookie` value for a bookmark.
    #[must_use]
    pub fn set_bookmark(&self, bookmark: &str) -> HeaderValue {
        self.write(
            self.bookmark_name(),
            bookmark,
            BOOKMARK_LASTS,
            self.domain.as_deref(),
        )
    }

    fn write(&self, name: &str, value: &str, max_age: i64, domain: Option<&str>) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let domain = domain
            .map(|domain| format!("; Domain=.{domain}"))
            .unwrap_or_default();
        let text = format!(
            "{name}={value}; Path=/; Max-Age={max_age}; HttpOnly{secure}; SameSite=Lax{domain}"
        );
        // The `cookie` crate would drop the domain's leading dot and order the attributes
        // differently, and clients would see both. Every part is ASCII that was checked when it was
        // read.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// Returns the cookies of a request as bytes, because cookies of other software may hold any bytes.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let cookies = headers
        .get_all(header::COOKIE)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    cookies.map(|cookie| {
        let cookie = cookie.trim_ascii();
        cookie
            .iter()
            .position(|b| *b == b'=')
            .map_or((&b""[..], cookie), |at| {
                let (name, value) = cookie.split_at(at);
                (name, value.get(1..).unwrap_or_default())
            })
    })
}

/// Returns true if the request names this machine by its local name or address.
fn is_local(uri: &Uri, headers: &HeaderMap) -> bool {
    let from_header = || {
        headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
    };
    let Some(authority) = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(from_header)
    else {
        return false;
    };
    let host = authority
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(authority, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cookie() -> SessionCookie {
        SessionCookie {
            name: HOST_ONLY,
            domain: None,
            secure: true,
        }
    }

    fn cookies(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| {
                (
                    header::COOKIE,
                    HeaderValue::from_str(line).expect("a header"),
                )
            })
            .collect()
    }

    #[test]
    fn a_bookmark_is_hexadecimal_short_and_the_only_one() {
        use crate::kernel::http::middleware::replicas::{
            BOOKMARK as HEADER, PresentedBookmark, presented,
        };
        let in_header = |value| {
            presented(
                &HeaderMap::from_iter([(HEADER, HeaderValue::from_str(value).expect("a header"))]),
                Vec::new,
            )
        };
        let in_cookies = |line: &str| {
            let headers = cookies(&[line]);
            presented(&headers, || cookie().bookmarks(&headers).collect())
        };
        let good = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
        assert_eq!(
            in_header(good),
            PresentedBookmark::Bookmark(good.to_owned())
        );
        assert_eq!(
            in_cookies(&format!("a=b; __Host-hamrah-bookmark={good}")),
            PresentedBookmark::Bookmark(good.to_owned())
        );
        assert_eq!(
            in_cookies(&format!("hamrah-bookmark={good}")),
            PresentedBookmark::Nothing,
            "a subdomain's"
        );
        assert_eq!(
            in_cookies(&format!(
                "__Host-hamrah-bookmark={good}; __Host-hamrah-bookmark={good}"
            )),
            PresentedBookmark::Doubtful
        );
        for bad in [
            "",
            "first-unconstrained",
            "first-primary",
            "00000085; x",
            &"0".repeat(129),
        ] {
            assert_eq!(in_header(bad), PresentedBookmark::Doubtful, "{bad}");
        }
    }

    #[test]
    fn finds_the_one_cookie_among_others() {
        assert_eq!(
            cookie().find(&cookies(&["a=b; __Host-session=x; c=d=e", "f=g"])),
            CookieLookup::One("x")
        );
        assert_eq!(
            cookie().find(&cookies(&["session=x; __Host-session-2=y"])),
            CookieLookup::Nothing
        );
    }

    #[test]
    fn other_cookies_may_hold_anything() {
        let line =
            HeaderValue::from_bytes("lang=فارسی; __Host-session=x".as_bytes()).expect("a header");
        assert_eq!(
            cookie().find(&HeaderMap::from_iter([(header::COOKIE, line)])),
            CookieLookup::One("x")
        );
    }

    #[test]
    fn doubtful_cookies_are_refused() {
        for lines in [
            &["__Host-session=x; __Host-session=y"][..],
            &["__Host-session=x", "__Host-session=x"],
            &["__host-session=x"],
            &["__Host-session=x; __HOST-SESSION=y"],
            &["=__Host-session=x"],
            &["__Host-session"],
            &["__Host-session =x"],
        ] {
            assert_eq!(
                cookie().find(&cookies(lines)),
                CookieLookup::Doubtful,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn writes_what_the_contract_says() {
        let token = SessionToken::from_bytes(&[0; 32]);
        let (now, end) = (Timestamp::from_millis(0), Timestamp::from_millis(30_000));
        let shared = SessionCookie {
            name: SHARED,
            domain: Some("hamrah.app".to_owned()),
            secure: true,
        };
        let written = shared.set(&token, end, now);
        let expected = format!(
            "session={}; Path=/; Max-Age=30; HttpOnly; Secure; SameSite=Lax; Domain=.hamrah.app",
            token.reveal()
        );
        assert_eq!(written.to_str().ok(), Some(expected.as_str()));
        assert_eq!(shared.clear().len(), 2);
        assert_eq!(
            cookie().clear(),
            ["__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"]
        );
    }

    #[test]
    fn only_real_localhost_is_local() {
        for (uri, local) in [
            ("http://localhost:8787/x", true),
            ("http://127.0.0.1/x", true),
            ("http://[::1]:8080/x", true),
            ("http://localhost.evil.example/x", false),
            ("http://evil.example:8787/x", false),
        ] {
            assert_eq!(
                is_local(&uri.parse().expect("a URI"), &HeaderMap::new()),
                local,
                "{uri}"
            );
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(line in "[ -~]{0,120}") {
            let _ = cookie().find(&cookies(&[&line]));
        }
    }
}
