//! Factors other than passkeys: a summary of them, and the backup codes.

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::store::live::IS_LIVE;
use crate::accounts::store::outcome::FactorChange;
use crate::accounts::store::{events, live};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, batch, read_first, run, sql};

/// Replaces all backup codes of the caller's account with new codes, given by their hashes. One
/// round trip.
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
    let event = events::about_session(context, EventKind::BackupCodesMade, by.user, by.session);
    let delete = sql(
        concatcp!("DELETE FROM backup_codes WHERE user_id = ?2 AND ", IS_LIVE),
        [by.session.into(), by.user.into()],
    );
    let insert = sql(
        concatcp!(
            "INSERT INTO backup_codes (user_id, code_hash, created_at)
             SELECT ?2, value, ?4 FROM json_each(?3) WHERE ",
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
    let [own, _, _, inserted] = batch(db, [live::select(by), event, delete, insert]).await?;
    Ok(FactorChange::from_rows(&own, &inserted))
}

/// The backup codes of an account.
#[derive(Clone, Copy, Debug)]
pub struct BackupCodeSummary {
    /// The time of their creation.
    pub created_at: Timestamp,
    /// The number of unused codes.
    pub left: i64,
}

/// The factors of an account other than its identities.
#[derive(Clone, Copy, Debug)]
pub struct FactorSummary {
    /// The time at which TOTP was confirmed.
    pub totp_since: Option<Timestamp>,
    /// The backup codes, if any were created.
    pub codes: Option<BackupCodeSummary>,
    /// The number of passkeys.
    pub passkeys: i64,
    /// The time at which the password was last set.
    pub password_since: Option<Timestamp>,
}

impl TryFrom<&Row> for FactorSummary {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let left = row.integer("codes_left")?;
        let codes = row
            .opt_time("codes_since")?
            .map(|created_at| BackupCodeSummary { created_at, left });
        Ok(Self {
            totp_since: row.opt_time("totp_since")?,
            codes,
            passkeys: row.integer("passkeys")?,
            password_since: row.opt_time("password_since")?,
        })
    }
}

/// Returns a summary of the account's factors. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn summary(db: &dyn Db, user: UserId) -> Result<FactorSummary, StoreError> {
    let select = sql(
        "SELECT (SELECT confirmed_at FROM totp WHERE user_id = ?1) AS totp_since,
                (SELECT MAX(created_at) FROM backup_codes WHERE user_id = ?1) AS codes_since,
                (SELECT COUNT(*) FROM backup_codes
                  WHERE user_id = ?1 AND used_at IS NULL) AS codes_left,
                (SELECT COUNT(*) FROM passkeys WHERE user_id = ?1) AS passkeys,
                (SELECT changed_at FROM passwords WHERE user_id = ?1) AS password_since",
        [user.into()],
    );
    read_first(&run(db, select).await?)?
        .ok_or_else(|| StoreError::Broken("no row of factors".to_owned()))
}
