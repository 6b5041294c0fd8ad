//! The credential id of a passkey, which the authenticator chooses.

use crate::kernel::model::base64;

/// The largest number of bytes of an id (WebAuthn Level 3 §7.1 step 25).
pub const MOST_BYTES: usize = 1023;

/// A credential id in base64url without padding, so each id has one spelling that is safe in paths.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CredentialId(String);

impl CredentialId {
    /// Returns the id with these bytes, or `None` if there are none or more than 1023.
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

    /// Returns an id that was read from the database, unchecked.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the id in base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
