//! Values that only this service can compute, and always the same way: HMAC-SHA-256 under a key derived from the signing key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::signing_keys::SigningKey;

/// What `message` derives under `key` for the purpose `label`. Different labels have nothing to do with each other, nor with signing.
pub(super) fn derived(key: &SigningKey, label: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    mac(&mac(key.seed()?, label)?, message)
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().into())
}
