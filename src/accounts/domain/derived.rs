//! Reproducible values that only this service can compute: HMAC-SHA-256 under a key that is derived
//! from a configured one.

use crate::accounts::model::signing_keys::SigningKey;
use crate::kernel::domain::hmac::mac;

/// Derives a value from `message` under `key` for the purpose `label`. Values of different labels
/// are independent of each other and of signatures.
pub(in crate::accounts) fn derive(
    key: &SigningKey,
    label: &[u8],
    message: &[u8],
) -> Option<[u8; 32]> {
    derive_from(key.seed()?, label, message)
}

/// Derives a value under the bytes of a key, as [`derive`] does.
pub(super) fn derive_from(key: &[u8; 32], label: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    mac(&mac(key, label)?, message)
}
