//! The parts of the relay in the export of an account. Sealed bytes that the client has are left out.

/// The names and the statements of the parts. `?1` is the account and `?2` the number of rows that
/// an account may have in most tables.
pub const PARTS: [(&str, &str); 7] = [
    (
        "relay_keys",
        "SELECT identity_key, signed_prekey, signed_prekey_signature, signed_prekey_day
           FROM relay_keys WHERE user_id = ?1",
    ),
    (
        "relay_key_backup",
        "SELECT version, encrypted_data, nonce, salt, updated_at
           FROM relay_key_backups WHERE user_id = ?1",
    ),
    (
        "relay_servers",
        "SELECT m.server_id, m.role, m.joined_at, s.encrypted_meta, s.created_at
           FROM relay_members AS m JOIN relay_servers AS s ON s.id = m.server_id
          WHERE m.user_id = ?1 LIMIT ?2",
    ),
    (
        "relay_left_channels",
        "SELECT h.channel_id, h.away, h.joined_at
           FROM relay_members AS m
           JOIN relay_channel_choices AS h ON h.server_id = m.server_id AND h.user_id = m.user_id
          WHERE m.user_id = ?1 LIMIT 100 * ?2",
    ),
    (
        "relay_direct_messages",
        "SELECT m.channel_id, m.opener, m.opened_at, c.encrypted_meta
           FROM relay_direct_members AS m JOIN relay_channels AS c ON c.id = m.channel_id
          WHERE m.user_id = ?1 ORDER BY m.opened_at DESC LIMIT 5 * ?2",
    ),
    (
        "relay_removals",
        "SELECT server_id, removed_at FROM relay_removals WHERE user_id = ?1 LIMIT 5 * ?2",
    ),
    (
        "relay_blocks",
        "SELECT blocked_id, blocked_at FROM relay_blocks WHERE user_id = ?1 LIMIT 5 * ?2",
    ),
];
