//! Post-quantum prekeys: public keys of ML-KEM that the identity key signed.

use sha2::{Digest, Sha256};

use crate::kernel::model::base64;
use crate::relay::model::keys::{HASH_BYTES, KeySignature, MessageKey, SIGNATURE_BYTES};

/// The lengths of the public keys of ML-KEM-768 and ML-KEM-1024 in bytes (FIPS 203). With a
/// signature, both are multiples of three, so they have no padding in base64.
const KEM_KEY_BYTES: [usize; 2] = [1184, 1568];

/// A public key of ML-KEM with its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PqPrekey {
    key: Vec<u8>,
    signature: KeySignature,
}

impl PqPrekey {
    /// Reads a key and a signature in base64, in either alphabet, padded or not.
    #[must_use]
    pub fn parse(public_key: &str, signature: &str) -> Option<Self> {
        let key = base64::decode(public_key)?;
        let signature = KeySignature::parse(signature)?;
        KEM_KEY_BYTES
            .contains(&key.len())
            .then_some(Self { key, signature })
    }

    /// Returns the key and the signature as the database stores them: base64url, in one text.
    #[must_use]
    pub fn stored(&self) -> String {
        base64::encode([self.key.as_slice(), self.signature.as_bytes()].concat())
    }

    /// Reads [`Self::stored`].
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let mut key = base64::decode(text)?;
        let at = key.len().checked_sub(SIGNATURE_BYTES)?;
        let signature = KeySignature::from_bytes(&key.split_off(at))?;
        Some(Self { key, signature })
    }

    /// Returns the public key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the signature of the public key.
    #[must_use]
    pub const fn signature(&self) -> &KeySignature {
        &self.signature
    }

    /// Returns the hash by which an uploaded key is recognized.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(&self.key);
        base64::encode(digest.get(..HASH_BYTES).unwrap_or_default())
    }

    /// Returns true if the identity key signed the bytes of the public key (RFC 8032, strict).
    #[must_use]
    pub fn is_signed_by(&self, identity: &MessageKey) -> bool {
        identity.has_signed(&self.key, &self.signature)
    }
}

/// Prekeys to upload, none of them twice, all of the same length.
#[derive(Clone, Debug)]
pub struct NewPqPrekeys {
    /// The one-time prekeys.
    pub one_time: Vec<PqPrekey>,
    /// The last-resort prekey. `None`: the stored one stays.
    pub last_resort: Option<PqPrekey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_has_the_key_and_the_signature() {
        let signature = base64::encode([3; 64]);
        for size in KEM_KEY_BYTES {
            let key = PqPrekey::parse(&base64::encode(vec![7; size]), &signature);
            let key = key.expect("a key");
            assert_eq!(key.stored().len(), (size + SIGNATURE_BYTES) / 3 * 4);
            assert_eq!(PqPrekey::from_stored(&key.stored()), Some(key));
        }
        for size in [0, 32, 800, 1183, 1185, 1567, 1569] {
            let key = base64::encode(vec![7; size]);
            assert_eq!(PqPrekey::parse(&key, &signature), None, "{size}");
        }
    }
}
