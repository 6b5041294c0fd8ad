//! The invariants that must hold after every case.

use serde_json::Value;

use super::TestApp;

/// Queries that must return no row, with the meaning of a row.
const FORBIDDEN: [(&str, &str); 17] = [
    (
        "a reference to nothing (I5)",
        "SELECT * FROM pragma_foreign_key_check",
    ),
    (
        "a session with two active refresh tokens (I3)",
        "SELECT session_id FROM refresh_tokens WHERE replaced_by IS NULL \
         GROUP BY session_id HAVING COUNT(*) > 1",
    ),
    (
        "an active session with a token pair and no active refresh token (I1)",
        "SELECT id FROM sessions AS s WHERE revoked_at IS NULL \
         AND refresh_expires_at > last_used_at
            AND NOT EXISTS (SELECT 1 FROM refresh_tokens AS r WHERE r.session_id = s.id \
                AND r.replaced_by IS NULL)",
    ),
    (
        "a successor of two refresh tokens (I2)",
        "SELECT replaced_by FROM refresh_tokens WHERE replaced_by IS NOT NULL \
         GROUP BY replaced_by HAVING COUNT(*) > 1",
    ),
    (
        "an address that two accounts have verified",
        "SELECT email FROM users WHERE email_verified = 1 GROUP BY email HAVING COUNT(*) > 1",
    ),
    (
        "an account that came from a provider and has no identity",
        "SELECT id FROM users AS u WHERE provider IS NOT NULL AND NOT EXISTS (SELECT 1 \
         FROM identities AS i WHERE i.user_id = u.id)",
    ),
    (
        "a session that expires before its tokens",
        "SELECT id FROM sessions WHERE expires_at < COALESCE(token_expires_at, 0) OR expires_at \
         < COALESCE(refresh_expires_at, 0)",
    ),
    (
        "an attempt without failures, or a throttle of more than an hour",
        "SELECT subject FROM attempts WHERE failures < 1 OR free_at NOT BETWEEN last_at \
         AND last_at + 3600000",
    ),
    (
        "an outbox entry without an event",
        // The log keeps the 100 newest events of a kind, and an urgent entry may be older.
        "SELECT id FROM outbox AS o WHERE NOT EXISTS (SELECT 1 FROM events AS e WHERE e.id = o.id)
            AND (SELECT COUNT(*) FROM events AS e
                  WHERE e.user_id = o.user_id AND e.kind = o.kind) < 100
            AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = o.user_id)",
    ),
    (
        "a session of no account",
        "SELECT id FROM sessions AS s WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = s.user_id)
            AND NOT EXISTS (SELECT 1 FROM deleted_users AS d WHERE d.user_id = s.user_id)",
    ),
    (
        "a grant of a role that the service does not have",
        "SELECT * FROM person_roles AS g
          WHERE NOT EXISTS (SELECT 1 FROM service_roles AS a
                             WHERE a.service_id = g.service_id AND a.role_id = g.role_id)
            AND NOT EXISTS (SELECT 1 FROM removed_roles AS d
                             WHERE d.service_id = g.service_id AND d.role_id = g.role_id)",
    ),
    (
        "a grant of a permission that does not exist",
        "SELECT permission_id
           FROM (SELECT permission_id FROM person_permissions
                 UNION SELECT permission_id FROM role_permissions) AS g
          WHERE NOT EXISTS (SELECT 1 FROM permissions WHERE id = g.permission_id)
            AND NOT EXISTS (SELECT 1 FROM removed_permissions
                             WHERE permission_id = g.permission_id)",
    ),
    (
        "a server whose owner is not its member with that role, or that has several owners",
        "SELECT id FROM relay_servers AS s WHERE NOT EXISTS (SELECT 1 FROM relay_members AS m \
         WHERE m.server_id = s.id AND m.user_id = s.owner_id AND m.role = 'owner')
            OR (SELECT COUNT(*) FROM relay_members AS m \
         WHERE m.server_id = s.id AND m.role = 'owner') <> 1",
    ),
    (
        "a member with a version that the server has not reached",
        "SELECT s.id FROM relay_servers AS s JOIN relay_members AS m ON m.server_id = s.id \
         WHERE m.version > s.version",
    ),
    (
        "an invite that was used more often than it may be",
        "SELECT id FROM relay_invites WHERE use_count > max_uses",
    ),
    (
        "a direct message without an account, or with more than two",
        "SELECT id FROM relay_channels AS c WHERE server_id IS NULL AND (SELECT COUNT(*) \
         FROM relay_direct_members AS m WHERE m.channel_id = c.id) NOT IN (1, 2)",
    ),
    (
        "a note about effective permissions that outlived its batch",
        "SELECT * FROM auth_access",
    ),
];

/// Every table of the database.
pub const TABLES: [&str; 45] = [
    "users",
    "deleted_users",
    "identities",
    "sessions",
    "refresh_tokens",
    "challenges",
    "passkeys",
    "attest_keys",
    "totp",
    "backup_codes",
    "attempts",
    "events",
    "outbox",
    "passwords",
    "people",
    "person_tokens",
    "services",
    "roles",
    "permissions",
    "role_permissions",
    "service_roles",
    "person_roles",
    "person_permissions",
    "removed_roles",
    "removed_permissions",
    "policy_events",
    "auth_access",
    "preconditions",
    "relay_keys",
    "relay_prekeys",
    "relay_pq_prekeys",
    "relay_prekey_history",
    "relay_prekey_claims",
    "relay_counts",
    "relay_key_backups",
    "relay_servers",
    "relay_members",
    "relay_removals",
    "relay_channels",
    "relay_channel_choices",
    "relay_direct_members",
    "relay_invites",
    "relay_sender_keys",
    "relay_blocks",
    "relay_outbox",
];

pub async fn check(app: &TestApp) {
    let forbidden = FORBIDDEN.iter().map(|(_, query)| (*query).to_owned());
    let tables = TABLES.iter().map(|table| format!("SELECT * FROM {table}"));
    // Reads the database while the log arrives.
    let queries = forbidden.chain(tables).collect::<Vec<_>>();
    let (log, mut found) = futures::future::join(app.logs(), app.queries(&queries)).await;
    let kept = found.split_off(FORBIDDEN.len());
    for ((meaning, _), rows) in FORBIDDEN.iter().zip(found) {
        assert!(rows.is_empty(), "{meaning}: {rows:?}");
    }
    no_secret_is_kept(app, &log, &serde_json::to_string(&kept).expect("JSON"));
}

/// Checks I7: no issued secret and no key is in the database or the log, and no email address is in
/// the log.
fn no_secret_is_kept(app: &TestApp, log: &str, rows: &str) {
    let mut secrets = app
        .secrets
        .lock()
        .expect("no panic while it is held")
        .clone();
    secrets.push(app.settings["INTERNAL_API_KEY"].clone());
    let keys: Value = serde_json::from_str(&app.settings["JWT_SIGNING_KEYS"]).expect("a JWK set");
    secrets.push(keys["keys"][0]["d"].as_str().expect("d").to_owned());
    secrets.extend(
        app.settings
            .get("WEBHOOK_SECRETS")
            .into_iter()
            .flat_map(|all| all.split(',').map(str::to_owned)),
    );
    for secret in secrets {
        // Only the signature of an access token is searched for, because the rest is not secret.
        let part = secret.rsplit('.').next().unwrap_or_default();
        assert!(
            !log.contains(part) && !rows.contains(part),
            "a secret is stored or logged: {part}"
        );
    }
    assert!(
        !log.contains("@example.com"),
        "an address is in the log: {log}"
    );
}
