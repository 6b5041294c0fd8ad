//! Reproducible values that only this service can compute: HMAC-SHA-256 under a key that is derived
//! from the signing key.

use crate::accounts::model::signing_keys::SigningKey;
use crate::kernel::domain::hmac::mac;

/// Derives a value from `message` under `key` for the purpose `label`. Values of different labels
/// are independent of each other and of signatures.
pub(in crate::accounts) fn derive(
    key: &SigningKey,
    label: &[u8],
    message: &[u8],
) -> Option<[u8; 32]> {
    mac(&mac(key.seed()?, label)?, message)
}
