//! The parts of the relay in the export of an account.

use crate::accounts::face::ExportPart;

/// The parts. They hold public keys, and the backup as its owner sealed it.
pub const PARTS: [ExportPart; 2] = [
    (
        "message_keys",
        "SELECT k.identity_key, k.signed_prekey, k.signed_prekey_signature, k.signed_prekey_day,
                p.stock AS one_time_prekeys
           FROM relay_keys AS k LEFT JOIN relay_prekeys AS p ON p.user_id = k.user_id
          WHERE k.user_id = ?1",
    ),
    (
        "message_key_backup",
        "SELECT version, encrypted_data, nonce, salt, updated_at FROM relay_key_backups
          WHERE user_id = ?1",
    ),
];
