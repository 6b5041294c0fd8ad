//! Everything that is kept about an account. No secret is among it: no hash of a token, no sealed
//! secret, no receipt.

use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Row, StoreError, Value, rows, sql};

/// Most events of an export, the newest: some hundred kilobytes. The others are in their list, page
/// by page.
pub const MOST_EVENTS: usize = 1_000;

/// A row, as names and values.
pub type Columns = Vec<(String, Value)>;

/// Rows by the name of what they are.
#[derive(Debug)]
pub struct AccountExport(pub Vec<(&'static str, Vec<Columns>)>);

/// What is read, and as what.
const PARTS: [(&str, &str); 13] = [
    (
        "account",
        "SELECT id, email, email_verified, name, picture, auth_method, provider, provider_id, created_at, updated_at, last_login_at,
                last_login_platform FROM users WHERE id = ?1",
    ),
    ("identities", "SELECT provider, provider_id, created_at FROM identities WHERE user_id = ?1"),
    (
        "passkeys",
        "SELECT id, public_key, counter, transports, aaguid, backup_eligible, backed_up, user_verified, name, created_at, last_used_at
           FROM passkeys WHERE user_id = ?1 ORDER BY created_at",
    ),
    (
        "sessions",
        "SELECT id, platform, user_agent, country, amr, authenticated_at, created_at, last_used_at, expires_at, revoked_at, attest_key, passkey
           FROM sessions WHERE user_id = ?1 ORDER BY created_at",
    ),
    (
        "devices",
        "SELECT id, app_id, environment, public_key, counter, created_at, last_used_at, revoked_at FROM attest_keys WHERE user_id = ?1",
    ),
    ("totp", "SELECT created_at, confirmed_at FROM totp WHERE user_id = ?1"),
    ("backup_codes", "SELECT created_at, used_at FROM backup_codes WHERE user_id = ?1"),
    ("password", "SELECT created_at, changed_at FROM passwords WHERE user_id = ?1"),
    ("person", "SELECT id, username, person_type, document_type, document_number FROM people WHERE user_id = ?1"),
    (
        "person_tokens",
        "SELECT t.kind, t.created_at, t.expires_at FROM person_tokens AS t JOIN people AS p ON p.id = t.person_id WHERE p.user_id = ?1",
    ),
    (
        "grants",
        "SELECT s.name AS service, r.name AS role, NULL AS permission, g.expires_at
           FROM people AS p JOIN person_roles AS g ON g.person_id = p.id JOIN services AS s ON s.id = g.service_id
           JOIN roles AS r ON r.id = g.role_id WHERE p.user_id = ?1
         UNION ALL
         SELECT s.name, NULL, m.name, g.expires_at
           FROM people AS p JOIN person_permissions AS g ON g.person_id = p.id JOIN services AS s ON s.id = g.service_id
           JOIN permissions AS m ON m.id = g.permission_id WHERE p.user_id = ?1",
    ),
    ("challenges", "SELECT kind, created_at, expires_at FROM challenges WHERE user_id = ?1"),
    (
        "events",
        "SELECT id, at, kind, actor, session_id, subject, address, user_agent, request_id FROM events WHERE user_id = ?1
          ORDER BY at DESC, rowid DESC LIMIT ?2",
    ),
];

/// Reads all of it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn read(db: &dyn Db, user: UserId) -> Result<AccountExport, StoreError> {
    let statement = |(name, text): &(&str, &'static str)| match *name {
        "events" => sql(
            text,
            [
                user.into(),
                i64::try_from(MOST_EVENTS).unwrap_or(i64::MAX).into(),
            ],
        ),
        _ => sql(text, [user.into()]),
    };
    let results = db.batch(PARTS.iter().map(statement).collect()).await?;
    let part = |(index, (name, _)): (usize, &(&'static str, &str))| {
        (*name, columns(rows(&results, index)))
    };
    Ok(AccountExport(PARTS.iter().enumerate().map(part).collect()))
}

fn columns(rows: &[Row]) -> Vec<Columns> {
    rows.iter().map(|row| row.columns().to_vec()).collect()
}
