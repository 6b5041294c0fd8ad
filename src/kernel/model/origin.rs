//! Web origins (RFC 6454), compared character by character, and their domains.

/// A `scheme://host[:port]`, in lower case, exactly as browsers send it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin(String);

impl Origin {
    /// Reads a configured origin.
    ///
    /// # Errors
    /// The problem, for the operator: a path or trailing slash, a wildcard, upper case, a default
    /// port, or another scheme.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('*') {
            return Err("must be exact: no wildcard");
        }
        let (rest, default_port) = match text.split_once("://") {
            Some(("https", rest)) => (rest, ":443"),
            Some(("http", rest)) => (rest, ":80"),
            None => {
                return Err(
                    "has no scheme: write https:// before it, or name the origin of an app with \
                     its scheme, such as capacitor://localhost",
                );
            }
            _ => {
                return Err(
                    "must begin with https:// or http://, or be the origin of an app with \
                     a scheme of its own, such as capacitor://localhost",
                );
            }
        };
        if rest.contains(['/', '?', '#']) {
            return Err("must have no path and no trailing slash");
        }
        if rest.ends_with(default_port) {
            return Err("must not name the scheme's default port: browsers leave it out");
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let bracketed = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
        if port.is_some_and(|port| port.parse::<u16>().is_err())
            || (host.contains(['[', ']', ':']) && !bracketed)
        {
            return Err("must be a host in lower case with an optional port");
        }
        let ok = |b: u8| {
            b.is_ascii_lowercase()
                || b.is_ascii_digit()
                || matches!(b, b'-' | b'.' | b':' | b'[' | b']')
        };
        if rest.is_empty() || !rest.bytes().all(ok) {
            return Err("must be a host in lower case with an optional port");
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host without the port.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let authority = self.0.split_once("://")?.1;
        if authority.starts_with('[') {
            authority.split_inclusive(']').next()
        } else {
            authority.split(':').next()
        }
    }

    /// Returns true if the origin's scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

/// The origin of an app's own pages, such as `capacitor://localhost`, compared to the letter.
///
/// Such a page may read responses, but it sends no cookies. It presents a Bearer token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppOrigin(String);

impl AppOrigin {
    /// Reads a configured origin. Returns `None` for an origin of another form or of a scheme that
    /// belongs to no single app, such as `file`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let shared = [
            "http",
            "https",
            "ws",
            "wss",
            "ftp",
            "file",
            "data",
            "blob",
            "about",
            "javascript",
            "vbscript",
            "view-source",
            "filesystem",
            "chrome",
            "resource",
        ];
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        (is_scheme && is_host && !shared.contains(&scheme)).then(|| Self(text.to_owned()))
    }

    /// Returns the origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns true for a page of a developer's machine, on any port: `http://localhost:4321`.
#[must_use]
pub fn is_loopback(origin: &[u8]) -> bool {
    let port = [&b"http://localhost:"[..], b"http://127.0.0.1:"]
        .iter()
        .find_map(|start| origin.strip_prefix(*start));
    port.is_some_and(|port| (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit))
}

/// Returns true for a domain in lower case with a dot that is no IP address.
pub(crate) fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !label.is_empty()
            && label.len() <= 63
            && inner
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(label) && last.bytes().any(|b| b.is_ascii_lowercase())
}

/// Returns true if other people register domains directly below `domain`, which is in lower case:
/// `com`, `co.uk`, `github.io`. Browsers refuse it as a relying party.
///
/// The list of public suffixes has ten thousand entries. These rules know its usual forms: a label,
/// a usual second level below a country, and the suffixes of widespread hosts.
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    const SECOND_LEVELS: [&str; 16] = [
        "ac", "co", "com", "edu", "gob", "gov", "go", "mil", "ne", "net", "nom", "or", "org", "gv",
        "ltd", "plc",
    ];
    const HOSTS: [&str; 12] = [
        "azurewebsites.net",
        "firebaseapp.com",
        "fly.dev",
        "github.io",
        "gitlab.io",
        "herokuapp.com",
        "netlify.app",
        "onrender.com",
        "pages.dev",
        "vercel.app",
        "web.app",
        "workers.dev",
    ];
    match domain.split_once('.') {
        None => true,
        Some((second, top)) => {
            HOSTS.contains(&domain) || (top.len() == 2 && SECOND_LEVELS.contains(&second))
        }
    }
}

/// Returns true if `domain` is `parent` or a subdomain of it.
pub(crate) fn is_within(domain: &str, parent: &str) -> bool {
    domain == parent
        || domain
            .strip_suffix(parent)
            .is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_origin_has_a_scheme_of_its_own_and_a_host() {
        for good in [
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://9c1f0b52-6a44-4f6e-8d0e-0d6ac4ab9f10",
        ] {
            assert!(AppOrigin::parse(good).is_some(), "{good}");
        }
        for bad in [
            "https://hamrah.app",
            "file://",
            "file://host",
            "null",
            "capacitor://",
            "capacitor://localhost/",
            "capacitor://*",
            "Capacitor://localhost",
            "capacitor:localhost",
            "://localhost",
        ] {
            assert!(AppOrigin::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_loopback_page_has_a_port() {
        for page in ["http://localhost:4321", "http://127.0.0.1:5173"] {
            assert!(is_loopback(page.as_bytes()), "{page}");
        }
        for other in [
            "http://localhost",
            "http://localhost:",
            "https://localhost:4321",
            "http://localhost:4321.evil.example",
            "http://localhost:4321/",
            "http://localhost:123456",
            "http://localhost.evil.example:4321",
            "http://evil-localhost:4321",
            "http://127.0.0.1.evil.example:80",
        ] {
            assert!(!is_loopback(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn only_exact_origins() {
        for good in [
            "https://hamrah.app",
            "http://localhost:5173",
            "http://[::1]:8080",
        ] {
            assert_eq!(Origin::parse(good).map(|o| o.0).as_deref(), Ok(good));
        }
        for bad in [
            "https://hamrah.app/",
            "https://*.hamrah.app",
            "*",
            "null",
            "hamrah.app",
            "https://Hamrah.app",
            "https://hamrah.app:443",
            "https://",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
