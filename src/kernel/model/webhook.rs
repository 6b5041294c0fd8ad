//! The webhook: the URL that receives security events, and the secrets that sign them.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::kernel::model::origin::Origin;

/// The prefix of every secret (Standard Webhooks, "Signature scheme").
const SECRET_PREFIX: &str = "whsec_";
/// The length of a secret in bytes: at least 192 bits, at most the specification's limit.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Longest URL, in bytes.
const URL_BYTES: usize = 2048;

/// A symmetric secret of Standard Webhooks.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// Reads `whsec_` and 24 to 64 bytes of base64. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix(SECRET_PREFIX)?).ok()?);
        SECRET_BYTES.contains(&bytes.len()).then_some(Self(bytes))
    }

    /// Returns a secret from random bytes as text for a setting.
    #[must_use]
    pub fn text(bytes: &[u8; 32]) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes))
    }

    /// Returns the key of the HMAC.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.0
    }

    /// Returns true if all bytes are printable. That happens to 24 random bytes once in 10^10.
    #[must_use]
    pub fn is_made_up(&self) -> bool {
        self.0
            .iter()
            .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// The webhook.
#[derive(Clone)]
pub struct Webhook {
    /// The URL that receives the messages. Never logged, because its path may hold a secret.
    pub url: String,
    /// The secrets. Each of them signs, two during a rotation.
    pub secrets: Vec<WebhookSecret>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook(…, {} secrets)", self.secrets.len())
    }
}

/// Returns true if `url` is allowed: `https`, or in development also `http` to this machine.
#[must_use]
pub fn is_address(url: &str, development: bool) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"\"'<>\\^`{|}#".contains(&b);
    let authority_end = url.split_once("://").map_or(0, |(scheme, rest)| {
        scheme.len() + 3 + rest.find(['/', '?']).unwrap_or(rest.len())
    });
    let Some(Ok(origin)) = url.get(..authority_end).map(Origin::parse) else {
        return false;
    };
    let local = matches!(origin.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let named = origin.host().is_some_and(|host| !host.is_empty());
    url.len() <= URL_BYTES
        && url.bytes().all(plain)
        && named
        && (origin.is_https() || (development && local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_24_to_64_bytes_of_base64() {
        let encoded = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![200; bytes]));
        for good in [24, 32, 64] {
            assert_eq!(
                WebhookSecret::parse(&encoded(good)).map(|secret| secret.key().len()),
                Some(good)
            );
        }
        for bad in [
            encoded(0),
            encoded(23),
            encoded(65),
            encoded(32).replace("whsec_", ""),
            encoded(24) + "=",
            "whsec_!".to_owned(),
        ] {
            assert_eq!(WebhookSecret::parse(&bad), None, "{bad}");
        }
        assert_eq!(
            format!("{:?}", WebhookSecret::parse(&encoded(24))),
            "Some(WebhookSecret(…))"
        );
        assert_eq!(
            WebhookSecret::parse(&WebhookSecret::text(&[9; 32]))
                .map(|secret| secret.key().to_vec()),
            Some(vec![9; 32])
        );
    }

    #[test]
    fn addresses_are_https_or_in_development_of_this_machine() {
        for good in [
            "https://mail.hamrah.app/hooks/a?b=c",
            "https://mail.hamrah.app",
            "https://10.0.0.7:8443/",
        ] {
            assert!(is_address(good, false) && is_address(good, true), "{good}");
        }
        for local in [
            "http://localhost:9000/hook",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/",
        ] {
            assert!(
                !is_address(local, false) && is_address(local, true),
                "{local}"
            );
        }
        for bad in [
            "",
            "mail.hamrah.app",
            "https://",
            "https:///x",
            "https://:8443/",
            "http://mail.hamrah.app/",
            "https://user:password@mail.hamrah.app/",
            "https://mail.hamrah.app/#x",
            "https://mail.hamrah.app/ x",
            "https://mail.hamrah.app:99999/",
            "http://localhost.hamrah.app/",
            "ftp://localhost/",
        ] {
            assert!(!is_address(bad, true), "{bad}");
        }
    }
}
