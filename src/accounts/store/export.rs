//! The export of everything that is stored about an account. It holds no secret: no hash of a
//! token, no sealed secret, no receipt.

use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Rows, StoreError, Value, sql};

/// The maximum number of events in an export, which are the newest. They are some hundred
/// kilobytes. The list of events has all of them, page by page.
pub const MOST_EVENTS: usize = 1_000;
/// The maximum number of rows in every other part. Grants may have five times as many.
///
/// The quotas of an account are not larger (docs/LIMITS.md), so the other parts are complete.
const MOST_ROWS: i64 = 200;

/// An exported row: values by column name.
pub type ExportedRow = Vec<(String, Value)>;

/// The exported rows of each part, by the part's name.
#[derive(Debug)]
pub struct AccountExport(pub Vec<(&'static str, Vec<ExportedRow>)>);

/// A part of an export: its name, and the statement that selects its rows. `?1` is the account and
/// `?2` the largest number of rows.
pub type ExportPart = (&'static str, &'static str);

/// The parts of accounts.
const PARTS: [ExportPart; 13] = [
    (
        "account",
        "SELECT id, iif(email LIKE '%@people.invalid', NULL, email) AS email, email_verified,
                name, picture, auth_method, provider, provider_id, created_at, updated_at,
                last_login_at, last_login_platform
           FROM users WHERE id = ?1",
    ),
    (
        "identities",
        "SELECT provider, provider_id, created_at FROM identities
          WHERE user_id = ?1 LIMIT ?2",
    ),
    (
        "passkeys",
        "SELECT id, public_key, counter, transports, aaguid, backup_eligible, backed_up,
                user_verified, name, created_at, last_used_at
           FROM passkeys WHERE user_id = ?1 ORDER BY created_at LIMIT ?2",
    ),
    (
        "sessions",
        "SELECT id, platform, user_agent, country, amr, authenticated_at, created_at,
                last_used_at, expires_at, revoked_at, attest_key, passkey
           FROM sessions
          WHERE id IN (SELECT id FROM (SELECT id FROM sessions
                                        WHERE user_id = ?1 AND revoked_at IS NULL
                                        ORDER BY created_at DESC LIMIT ?2)
                       UNION ALL
                       SELECT id FROM (SELECT id FROM sessions
                                        WHERE user_id = ?1 AND revoked_at IS NOT NULL
                                        ORDER BY revoked_at DESC LIMIT ?2))
          ORDER BY created_at",
    ),
    (
        "devices",
        "SELECT id, app_id, environment, public_key, counter, created_at, last_used_at, revoked_at
           FROM attest_keys
          WHERE id IN (SELECT id FROM (SELECT id FROM attest_keys
                                        WHERE user_id = ?1 AND revoked_at IS NULL
                                        ORDER BY created_at DESC LIMIT ?2)
                       UNION ALL
                       SELECT id FROM (SELECT id FROM attest_keys
                                        WHERE user_id = ?1 AND revoked_at IS NOT NULL
                                        ORDER BY revoked_at DESC LIMIT ?2))
          ORDER BY created_at",
    ),
    (
        "totp",
        "SELECT created_at, confirmed_at FROM totp WHERE user_id = ?1",
    ),
    (
        "backup_codes",
        "SELECT created_at, used_at FROM backup_codes WHERE user_id = ?1 LIMIT ?2",
    ),
    (
        "password",
        "SELECT created_at, changed_at FROM passwords WHERE user_id = ?1",
    ),
    (
        "person",
        "SELECT id, username, person_type, document_type, document_number
           FROM people WHERE user_id = ?1",
    ),
    (
        "person_tokens",
        "SELECT t.kind, t.created_at, t.expires_at
           FROM person_tokens AS t JOIN people AS p ON p.id = t.person_id WHERE p.user_id = ?1
          LIMIT ?2",
    ),
    (
        "grants",
        "SELECT s.name AS service, r.name AS role, NULL AS permission, g.expires_at
           FROM people AS p JOIN person_roles AS g ON g.person_id = p.id
           JOIN services AS s ON s.id = g.service_id
           JOIN service_roles AS a ON a.service_id = g.service_id AND a.role_id = g.role_id
           JOIN roles AS r ON r.id = g.role_id WHERE p.user_id = ?1
         UNION ALL
         SELECT s.name, NULL, m.name, g.expires_at
           FROM people AS p JOIN person_permissions AS g ON g.person_id = p.id
           JOIN services AS s ON s.id = g.service_id
           JOIN permissions AS m ON m.id = g.permission_id WHERE p.user_id = ?1
          LIMIT 5 * ?2",
    ),
    (
        "challenges",
        "SELECT kind, created_at, expires_at FROM challenges
          WHERE user_id = ?1 ORDER BY rowid DESC LIMIT ?2",
    ),
    (
        "events",
        "SELECT id, at, kind, actor, session_id, subject, address, user_agent, request_id
           FROM events WHERE user_id = ?1
          ORDER BY at DESC, rowid DESC LIMIT ?2",
    ),
];

/// Reads the export of an account, with the parts `further` of other systems. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn read(
    db: &dyn Db,
    user: UserId,
    further: &[ExportPart],
) -> Result<AccountExport, StoreError> {
    let most_events = i64::try_from(MOST_EVENTS).unwrap_or(i64::MAX);
    let parts = || PARTS.iter().chain(further);
    let statements = parts().map(|(name, text)| match *name {
        "events" => sql(text, [user.into(), most_events.into()]),
        _ if text.contains("?2") => sql(text, [user.into(), MOST_ROWS.into()]),
        _ => sql(text, [user.into()]),
    });
    let results = db.batch(statements.collect()).await?;

    let names = parts().map(|(name, _)| *name);
    let parts = results.iter().map(exported_rows);
    Ok(AccountExport(names.zip(parts).collect()))
}

fn exported_rows(rows: &Rows) -> Vec<ExportedRow> {
    rows.iter().map(|row| row.columns().to_vec()).collect()
}
