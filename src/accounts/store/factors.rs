//! Factors besides passkeys: what an account has of them, its backup codes, and how a change ended.

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::store::live::IS_LIVE;
use crate::accounts::store::{events, live};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, StoreError, rows, run, sql};

/// How a change of a factor ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactorChange {
    /// It was done.
    Yes,
    /// There is none to change, or one that must not be replaced.
    No,
    /// The caller's sign-in is not live any more.
    SignedOut,
}

pub(super) fn changed(results: &[crate::kernel::store::Rows], index: usize) -> FactorChange {
    match (rows(results, 0).is_empty(), rows(results, index).is_empty()) {
        (true, _) => FactorChange::SignedOut,
        (_, true) => FactorChange::No,
        _ => FactorChange::Yes,
    }
}

/// Keeps new backup codes by their hashes, in place of all others. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn replace_codes(
    db: &dyn Db,
    by: Caller,
    hashes: &[String],
    context: &EventContext,
) -> Result<FactorChange, StoreError> {
    let list =
        serde_json::to_string(hashes).map_err(|error| StoreError::Broken(error.to_string()))?;
    let delete = sql(
        concatcp!("DELETE FROM backup_codes WHERE user_id = ?2 AND ", IS_LIVE),
        [by.session.into(), by.user.into()],
    );
    let insert = sql(
        concatcp!(
            "INSERT INTO backup_codes (user_id, code_hash, created_at) SELECT ?2, value, ?4 FROM json_each(?3) WHERE ",
            IS_LIVE,
            " RETURNING code_hash"
        ),
        [
            by.session.into(),
            by.user.into(),
            list.as_str().into(),
            context.at.into(),
        ],
    );
    let event = events::about_session(context, EventKind::BackupCodesMade, by.user, by.session);
    let results = db
        .batch(vec![live::select(by), event, delete, insert])
        .await?;
    Ok(changed(&results, 3))
}

/// What an account has besides its identities.
#[derive(Clone, Copy, Debug)]
pub struct FactorSummary {
    /// When TOTP was confirmed.
    pub totp_since: Option<Timestamp>,
    /// When backup codes were made, and how many of them are left.
    pub codes: Option<(Timestamp, i64)>,
    /// How many passkeys there are.
    pub passkeys: i64,
    /// When the password was set, or last changed.
    pub password_since: Option<Timestamp>,
}

/// What the account has. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn summary(db: &dyn Db, user: UserId) -> Result<FactorSummary, StoreError> {
    let select = sql(
        "SELECT (SELECT confirmed_at FROM totp WHERE user_id = ?1) AS totp_since,
                (SELECT MAX(created_at) FROM backup_codes WHERE user_id = ?1) AS codes_since,
                (SELECT COUNT(*) FROM backup_codes WHERE user_id = ?1 AND used_at IS NULL) AS codes_left,
                (SELECT COUNT(*) FROM passkeys WHERE user_id = ?1) AS passkeys,
                (SELECT changed_at FROM passwords WHERE user_id = ?1) AS password_since",
        [user.into()],
    );
    let results = run(db, select).await?;
    let row = results
        .first()
        .ok_or_else(|| StoreError::Broken("no row of factors".to_owned()))?;
    let left = row.integer("codes_left")?;
    Ok(FactorSummary {
        totp_since: row.opt_time("totp_since")?,
        codes: row.opt_time("codes_since")?.map(|since| (since, left)),
        passkeys: row.integer("passkeys")?,
        password_since: row.opt_time("password_since")?,
    })
}
