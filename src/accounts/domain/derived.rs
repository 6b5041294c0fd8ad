//! Values that only this service can compute, and always the same way: HMAC-SHA-256 under a key
//! derived from the signing key.

use crate::accounts::model::signing_keys::SigningKey;
use crate::kernel::domain::hmac::mac;

/// What `message` derives under `key` for the purpose `label`. Different labels have nothing to do
/// with each other, nor with signing.
pub(super) fn derive(key: &SigningKey, label: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    mac(&mac(key.seed()?, label)?, message)
}
