//! Secrets that clients carry, and the hashes that we keep of them.
//!
//! Plain and hashed are different types: a plain token can be shown once to its owner, only its hash reaches a database.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of entropy in every secret: 256 bits.
pub const SECRET_BYTES: usize = 32;

/// The SHA-256 of a token's whole text, as base64url without padding: what the database keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    fn of(text: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes())))
    }

    /// Trusts that `text` came out of the database, where only hashes are.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The hash as text.
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
            /// What every token of this kind starts with, so that scanners and people can tell kinds apart.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a token of 256 bits of entropy.
            #[must_use]
            pub fn from_bytes(bytes: &[u8; SECRET_BYTES]) -> Self {
                Self(Zeroizing::new(format!("{}{}", $prefix, URL_SAFE_NO_PAD.encode(bytes))))
            }

            /// Reads what a client presents. `None` unless it is the prefix and 32 bytes of canonical base64url;
            /// so no query is ever made for something that cannot be a token.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let body = text.strip_prefix($prefix)?;
                // 43 characters are what 32 bytes take; checked first, so that a huge text is not decoded.
                if body.len() != 43 {
                    return None;
                }
                let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(body).ok()?);
                (bytes.len() == SECRET_BYTES).then(|| Self(Zeroizing::new(text.to_owned())))
            }

            /// What the database knows of this token.
            #[must_use]
            pub fn hash(&self) -> TokenHash {
                TokenHash::of(&self.0)
            }

            /// The token itself, for the one answer that hands it to its owner.
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
    /// A web session's token: the session cookie's value, also usable as a Bearer token.
    SessionToken, "hms_"
}
plain_token! {
    /// A token of the authorization service: opaque, good for every service.
    PersonToken, "hmp_"
}
plain_token! {
    /// A refresh token: good for one new pair (RFC 9700 §4.14).
    RefreshToken, "hmr_"
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
    fn the_last_character_has_one_spelling() {
        // 32 bytes leave two unused bits in the last character; a decoder that ignores them accepts four spellings of one token.
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
