//! A passkey's credential id: the authenticator chooses it.

use crate::kernel::model::base64;

/// Longest id (WebAuthn Level 3 §7.1 step 25).
pub const MOST_BYTES: usize = 1023;

/// A credential id, in base64url without padding: path-safe, one spelling each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CredentialId(String);

impl CredentialId {
    /// An id from its bytes; `None` if it is empty or longer than 1023 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (1..=MOST_BYTES)
            .contains(&bytes.len())
            .then(|| Self(base64::encode(bytes)))
    }

    /// Reads any spelling of base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&base64::decode(text)?)
    }

    /// Trusts that `text` came out of the database.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The one spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
