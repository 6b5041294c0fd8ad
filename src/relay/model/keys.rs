//! Public keys and their signatures. Bytes in, checked values out.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::kernel::model::base64;

/// The length of an Ed25519 or X25519 public key in bytes.
const KEY_BYTES: usize = 32;
/// The length of a key in the database, in characters of base64url.
pub const KEY_CHARS: usize = 43;
/// The length of the hash of a key in the database, in characters of base64url.
pub const HASH_CHARS: usize = 22;
/// The bytes of SHA-256 by which a key is recognized.
pub(super) const HASH_BYTES: usize = 16;
/// The length of an Ed25519 signature in bytes.
pub(super) const SIGNATURE_BYTES: usize = 64;

/// A public key of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MessageKey([u8; KEY_BYTES]);

impl MessageKey {
    /// Reads base64 in either alphabet, padded or not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(base64::decode(text)?.try_into().ok()?))
    }

    /// Returns the key as the database stores it: base64url without padding.
    #[must_use]
    pub fn stored(&self) -> String {
        base64::encode(self.0)
    }

    /// Returns true if this Ed25519 key signed the message (RFC 8032, strict).
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &KeySignature) -> bool {
        let signature = Signature::from_bytes(&signature.0);
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }

    /// Returns the hash by which an uploaded key is recognized.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.0);
        base64::encode(digest.get(..HASH_BYTES).unwrap_or_default())
    }
}

/// An Ed25519 signature (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySignature([u8; SIGNATURE_BYTES]);

impl KeySignature {
    /// Reads base64 in either alphabet, padded or not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(base64::decode(text)?.try_into().ok()?))
    }

    /// Reads the bytes of a signature.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the signature as the database stores it: base64url without padding.
    #[must_use]
    pub fn stored(&self) -> String {
        base64::encode(self.0)
    }
}

/// The reason to refuse an identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnfitIdentity {
    /// The identity key is no point of the curve, or a point of low order.
    #[error("identity_key is not a usable Ed25519 public key")]
    IdentityKey,
    /// The signature does not belong to the identity key and the signed prekey.
    #[error("signed_prekey_signature is not a signature of signed_prekey by identity_key")]
    Signature,
}

/// An identity key and the prekey that it signed.
#[derive(Clone, Debug)]
pub struct IdentityKeys {
    /// The identity key, Ed25519.
    pub identity_key: MessageKey,
    /// The signed prekey, X25519.
    pub signed_prekey: MessageKey,
    /// The signature of the signed prekey.
    pub signature: KeySignature,
}

impl IdentityKeys {
    /// Verifies the signature over the 32 bytes of the signed prekey, and refuses identity keys of
    /// low order, for which a signature fits several messages (RFC 8032 §8.4).
    ///
    /// # Errors
    /// [`UnfitIdentity`]
    pub fn verify(&self) -> Result<(), UnfitIdentity> {
        let key = VerifyingKey::from_bytes(&self.identity_key.0);
        if !key.is_ok_and(|key| !key.is_weak()) {
            return Err(UnfitIdentity::IdentityKey);
        }
        let signed = &self.signed_prekey.0;
        if self.identity_key.has_signed(signed, &self.signature) {
            Ok(())
        } else {
            Err(UnfitIdentity::Signature)
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    fn identity(seed: u8) -> IdentityKeys {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let prekey = [9; 32];
        IdentityKeys {
            identity_key: MessageKey(key.verifying_key().to_bytes()),
            signed_prekey: MessageKey(prekey),
            signature: KeySignature(key.sign(&prekey).to_bytes()),
        }
    }

    #[test]
    fn only_the_identity_key_signs_the_prekey() {
        assert_eq!(identity(1).verify(), Ok(()));
        let other = IdentityKeys {
            identity_key: identity(2).identity_key,
            ..identity(1)
        };
        assert_eq!(other.verify(), Err(UnfitIdentity::Signature));
        let swapped = IdentityKeys {
            signed_prekey: MessageKey([8; 32]),
            ..identity(1)
        };
        assert_eq!(swapped.verify(), Err(UnfitIdentity::Signature));
    }

    #[test]
    fn points_of_low_order_are_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        for weak in [neutral, [0; 32]] {
            let forged = IdentityKeys {
                identity_key: MessageKey(weak),
                ..identity(1)
            };
            assert_eq!(forged.verify(), Err(UnfitIdentity::IdentityKey));
        }
    }

    #[test]
    fn stored_forms_have_fixed_lengths() {
        let key = MessageKey([7; 32]);
        assert_eq!(key.stored().len(), KEY_CHARS);
        assert_eq!(key.hash().len(), HASH_CHARS);
        assert_eq!(MessageKey::parse(&key.stored()), Some(key));
        assert_eq!(MessageKey::parse("AAAA"), None);
    }
}
