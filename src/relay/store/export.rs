//! The parts of the relay in the export of an account.

use crate::accounts::face::ExportPart;

/// The parts. They hold public keys, the backup as its owner sealed it, and memberships.
pub const PARTS: [ExportPart; 8] = [
    (
        "message_keys",
        "SELECT k.identity_key, k.signed_prekey, k.signed_prekey_signature, k.signed_prekey_day,
                p.stock AS one_time_prekeys
           FROM relay_keys AS k LEFT JOIN relay_prekeys AS p ON p.user_id = k.user_id
          WHERE k.user_id = ?1",
    ),
    (
        "message_pq_prekeys",
        "SELECT number = 0 AS last_resort, stock AS prekeys FROM relay_pq_prekeys
          WHERE user_id = ?1 ORDER BY number LIMIT ?2",
    ),
    (
        "message_key_backup",
        "SELECT version, encrypted_data, nonce, salt, updated_at FROM relay_key_backups
          WHERE user_id = ?1",
    ),
    (
        "message_servers",
        "SELECT m.server_id, m.role, m.joined_at, s.encrypted_meta, s.created_at
           FROM relay_members AS m JOIN relay_servers AS s ON s.id = m.server_id
          WHERE m.user_id = ?1 LIMIT ?2",
    ),
    (
        "message_channels_left",
        "SELECT h.channel_id, h.away, h.joined_at
           FROM relay_members AS m
           JOIN relay_channel_choices AS h ON h.server_id = m.server_id AND h.user_id = m.user_id
          WHERE m.user_id = ?1 LIMIT 100 * ?2",
    ),
    (
        "direct_messages",
        "SELECT m.channel_id, m.opener, m.opened_at, c.encrypted_meta
           FROM relay_direct_members AS m JOIN relay_channels AS c ON c.id = m.channel_id
          WHERE m.user_id = ?1 ORDER BY m.opened_at DESC LIMIT 5 * ?2",
    ),
    (
        "message_removals",
        "SELECT server_id, removed_at FROM relay_removals WHERE user_id = ?1 LIMIT 5 * ?2",
    ),
    (
        "blocked_accounts",
        "SELECT blocked_id, blocked_at FROM relay_blocks WHERE user_id = ?1 LIMIT 5 * ?2",
    ),
];
