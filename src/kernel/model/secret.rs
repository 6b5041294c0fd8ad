//! Secrets that clients hold, and the hashes that the database keeps.
//!
//! Plain and hashed tokens are different types. Only a hash converts to a value of the database.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of entropy in every secret: 256 bits.
pub const SECRET_BYTES: usize = 32;

/// The SHA-256 of a token's text as base64url without padding. The database keeps this.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    fn of(text: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes())))
    }

    /// Wraps a hash that was read from the database.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the hash as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

macro_rules! plain_token {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// The prefix of every token of this kind. Secret scanners and people recognise the
            /// kind by it.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a token from 256 bits of entropy.
            #[must_use]
            pub fn from_bytes(bytes: &[u8; SECRET_BYTES]) -> Self {
                Self(Zeroizing::new(format!("{}{}", $prefix, URL_SAFE_NO_PAD.encode(bytes))))
            }

            /// Reads a token of a client. Returns `None` unless the text is the prefix and 32 bytes
            /// of canonical base64url, so that no query runs for a text that cannot be a token.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let body = text.strip_prefix($prefix)?;
                // 32 bytes take 43 characters. Checked first, so that a long text is never decoded.
                if body.len() != 43 {
                    return None;
                }
                let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(body).ok()?);
                (bytes.len() == SECRET_BYTES).then(|| Self(Zeroizing::new(text.to_owned())))
            }

            /// Returns the hash of the token.
            #[must_use]
            pub fn hash(&self) -> TokenHash {
                TokenHash::of(&self.0)
            }

            /// Returns the token's text, for the response that hands it to its owner.
            #[must_use]
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

plain_token! {
    /// A session token: the value of the session cookie, also usable as a bearer token.
    SessionToken, "hms_"
}
plain_token! {
    /// An opaque token of the authorization service, valid for every service.
    PersonToken, "hmp_"
}
plain_token! {
    /// A refresh token, valid for one new token pair (RFC 9700 §4.14): 12 bytes of the family and
    /// 20 bytes of its own.
    RefreshToken, "hmr_"
}

/// The characters of a refresh token's family: 12 bytes.
const FAMILY_CHARS: usize = 16;

impl RefreshToken {
    /// Returns the hash of the family, the part that all refresh tokens of a session share. It is
    /// random too, so a caller who knows it has seen a token of the session.
    #[must_use]
    pub fn family(&self) -> TokenHash {
        TokenHash::of(self.body().get(..FAMILY_CHARS).unwrap_or_default())
    }

    /// Returns the token of the same family with the last 20 bytes of `secret`.
    #[must_use]
    pub fn successor(&self, secret: &[u8; SECRET_BYTES]) -> Self {
        let other = Self::from_bytes(secret);
        let family = self.body().get(..FAMILY_CHARS).unwrap_or_default();
        let rest = other.body().get(FAMILY_CHARS..).unwrap_or_default();
        Self(Zeroizing::new(format!("{}{family}{rest}", Self::PREFIX)))
    }

    fn body(&self) -> &str {
        self.0.get(Self::PREFIX.len()..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_survives_its_text_and_kinds_do_not_mix() {
        let token = SessionToken::from_bytes(&[7; SECRET_BYTES]);
        let again = SessionToken::parse(token.reveal()).expect("parses");
        assert_eq!(token.hash(), again.hash());
        assert!(RefreshToken::parse(token.reveal()).is_none());
        assert_eq!(
            format!("{token:?} {:?}", token.hash()),
            "SessionToken(…) TokenHash(…)"
        );
    }

    #[test]
    fn a_successor_has_the_family_and_another_secret() {
        let first = RefreshToken::from_bytes(&[1; SECRET_BYTES]);
        let second = first.successor(&[2; SECRET_BYTES]);
        let mut bytes = [2; SECRET_BYTES];
        bytes[..12].fill(1);
        assert_eq!(second.reveal(), RefreshToken::from_bytes(&bytes).reveal());
        assert!(second.family() == first.family() && second.hash() != first.hash());
        let other = RefreshToken::from_bytes(&[2; SECRET_BYTES]);
        assert!(other.family() != first.family());
    }

    #[test]
    fn the_last_character_has_one_spelling() {
        // 32 bytes leave two bits of the last character unused. A decoder that ignores them accepts
        // four spellings of one token.
        let token = SessionToken::from_bytes(&[0; SECRET_BYTES]);
        let text = token.reveal();
        for last in ["B", "C", "D"] {
            assert!(SessionToken::parse(&format!("{}{last}", &text[..text.len() - 1])).is_none());
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_accepts_only_what_it_would_write(text in "\\PC{0,80}") {
            if let Some(token) = SessionToken::parse(&text) {
                prop_assert_eq!(token.reveal(), text.as_str());
            }
        }

        #[test]
        fn every_token_parses(bytes in any::<[u8; SECRET_BYTES]>()) {
            let token = RefreshToken::from_bytes(&bytes);
            prop_assert!(RefreshToken::parse(token.reveal()).is_some());
        }
    }
}
