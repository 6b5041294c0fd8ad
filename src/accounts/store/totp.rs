//! TOTP secrets: stored, confirmed, used, removed, sealed again under another key.

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::ThrottleSubject;
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::{AttemptClaim, AttemptLimit};
use crate::accounts::store::events::INSERT_EVENT;
use crate::accounts::store::live::IS_LIVE;
use crate::accounts::store::outcome::FactorChange;
use crate::accounts::store::{events, live};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    Db, Row, Rows, Statement, StoreError, batch, read_all, read_first, run, sql,
};

/// A stored TOTP secret.
#[derive(Clone, Debug)]
pub struct Totp {
    /// The sealed secret.
    pub secret: String,
    /// True if the account owner has confirmed the secret with its first code.
    pub confirmed: bool,
    /// The time of creation. It distinguishes this secret from earlier ones of the account.
    pub made_at: Timestamp,
}

impl TryFrom<&Row> for Totp {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            secret: row.text("secret")?,
            confirmed: row.opt_time("confirmed_at")?.is_some(),
            made_at: row.time("made_at")?,
        })
    }
}

impl Totp {
    /// Reads the columns of a secret in an outer join, if the account has one.
    pub(super) fn from_joined(row: &Row) -> Result<Option<Self>, StoreError> {
        match row.opt_text("secret")? {
            Some(_) => Self::try_from(row).map(Some),
            None => Ok(None),
        }
    }
}

/// A time step with a verified code, and the secret that it belongs to. With another secret the
/// step is worthless.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TotpStep {
    /// The number of the step: T in RFC 6238.
    pub number: i64,
    /// The time at which the secret was created.
    pub made_at: Timestamp,
}

/// Records that the code of `step` created `session`, if the batch created it.
pub(super) fn use_step(step: TotpStep, owner: UserId, session: SessionId) -> Statement {
    sql(
        "UPDATE totp SET last_step = ?1
          WHERE user_id = ?2 AND created_at = ?4 AND last_step < ?1
            AND EXISTS (SELECT 1 FROM sessions WHERE id = ?3)",
        [
            step.number.into(),
            owner.into(),
            session.into(),
            step.made_at.into(),
        ],
    )
}

/// Records the use of the code of `step`. The batch must check in an earlier statement that the
/// code may be used.
pub(crate) fn note_step(step: TotpStep, owner: UserId) -> Statement {
    sql(
        "UPDATE totp SET last_step = ?1
          WHERE user_id = ?2 AND created_at = ?3 AND last_step < ?1",
        [step.number.into(), owner.into(), step.made_at.into()],
    )
}

/// Selects the account's secret.
pub(super) fn select(user: UserId) -> Statement {
    sql(
        "SELECT secret, confirmed_at, created_at AS made_at FROM totp WHERE user_id = ?1",
        [user.into()],
    )
}

/// Stores an unconfirmed secret, which replaces an earlier unconfirmed one. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn enrol(
    db: &dyn Db,
    by: Caller,
    sealed: &str,
    now: Timestamp,
) -> Result<FactorChange, StoreError> {
    let insert = sql(
        concatcp!(
            "INSERT INTO totp (user_id, secret, created_at, last_step)
             SELECT ?2, ?3, ?4, 0 WHERE ",
            IS_LIVE,
            " ON CONFLICT (user_id) DO UPDATE
                 SET secret = excluded.secret, created_at = excluded.created_at, last_step = 0
               WHERE confirmed_at IS NULL
              RETURNING user_id"
        ),
        [by.session.into(), by.user.into(), sealed.into(), now.into()],
    );
    let [own, stored] = batch(db, [live::select(by), insert]).await?;
    Ok(FactorChange::from_rows(&own, &stored))
}

/// The account's secret, and the claim of an attempt to guess its code.
#[derive(Debug)]
pub struct ClaimedTotp {
    /// The secret, confirmed or not, if the account has one.
    pub totp: Option<Totp>,
    /// The answer to the claim.
    pub claim: AttemptClaim,
}

/// Claims an attempt and returns the account's secret, confirmed or not. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim_attempt(
    db: &dyn Db,
    user: UserId,
    limit: AttemptLimit<'_>,
    now: Timestamp,
) -> Result<ClaimedTotp, StoreError> {
    let [count, free_at] = attempts::claim(limit, now);
    let [totp, counted, free_at] = batch(db, [select(user), count, free_at]).await?;
    Ok(ClaimedTotp {
        totp: read_first(&totp)?,
        claim: attempts::claimed(&counted, &free_at)?,
    })
}

/// Confirms a secret with the code of `step` and clears the attempts. Returns `None` if another
/// caller has confirmed the secret. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn confirm(
    db: &dyn Db,
    by: Caller,
    step: TotpStep,
    subject: &ThrottleSubject,
    context: &EventContext,
) -> Result<Option<FactorChange>, StoreError> {
    let clear = sql(
        concatcp!(
            "DELETE FROM attempts WHERE subject = ?3 AND ",
            IS_LIVE,
            " AND EXISTS (SELECT 1 FROM totp
                           WHERE user_id = ?2 AND created_at = ?4 AND confirmed_at IS NULL)"
        ),
        [
            by.session.into(),
            by.user.into(),
            subject.as_str().into(),
            step.made_at.into(),
        ],
    );
    let event = events::event(
        concatcp!(
            INSERT_EVENT,
            "t.user_id, s.id FROM totp AS t JOIN sessions AS s ON s.user_id = t.user_id
              WHERE s.id = ?8 AND t.user_id = ?9 AND s.revoked_at IS NULL
                AND t.created_at = ?10 AND t.confirmed_at IS NULL"
        ),
        context,
        EventKind::TotpEnabled,
        [by.session.into(), by.user.into(), step.made_at.into()],
    );
    let update = sql(
        concatcp!(
            "UPDATE totp SET confirmed_at = ?5, last_step = ?4
              WHERE user_id = ?2 AND created_at = ?3 AND confirmed_at IS NULL AND ",
            IS_LIVE,
            " RETURNING user_id"
        ),
        [
            by.session.into(),
            by.user.into(),
            step.made_at.into(),
            step.number.into(),
            context.at.into(),
        ],
    );
    let statements = [live::select(by), clear, event, update, select(by.user)];
    let [own, _, _, confirmed, totp] = batch(db, statements).await?;

    let change = FactorChange::from_rows(&own, &confirmed);
    let is_confirmed = read_first(&totp)?.is_some_and(|totp: Totp| totp.confirmed);
    Ok((change != FactorChange::Unchanged || !is_confirmed).then_some(change))
}

/// Removes the account's secret, confirmed or not. With `step` the secret must be the one of the
/// step and the step unused. Only the removal of a confirmed secret writes an event. One round
/// trip.
///
/// # Errors
/// [`StoreError`]
pub async fn disable(
    db: &dyn Db,
    by: Caller,
    step: Option<TotpStep>,
    context: &EventContext,
) -> Result<FactorChange, StoreError> {
    let event = events::event(
        concatcp!(
            INSERT_EVENT,
            "t.user_id, s.id FROM totp AS t JOIN sessions AS s ON s.user_id = t.user_id
              WHERE s.id = ?8 AND t.user_id = ?9 AND s.revoked_at IS NULL
                AND t.confirmed_at IS NOT NULL
                AND (?10 IS NULL OR (t.last_step < ?10 AND t.created_at = ?11))"
        ),
        context,
        EventKind::TotpDisabled,
        [
            by.session.into(),
            by.user.into(),
            step.map(|step| step.number).into(),
            step.map(|step| step.made_at).into(),
        ],
    );
    let delete = sql(
        concatcp!(
            "DELETE FROM totp
              WHERE user_id = ?2 AND (?3 IS NULL OR (last_step < ?3 AND created_at = ?4)) AND ",
            IS_LIVE,
            " RETURNING user_id"
        ),
        [
            by.session.into(),
            by.user.into(),
            step.map(|step| step.number).into(),
            step.map(|step| step.made_at).into(),
        ],
    );
    let [own, _, deleted] = batch(db, [live::select(by), event, delete]).await?;
    Ok(FactorChange::from_rows(&own, &deleted))
}

/// The number of secrets that are read, and replaced, in one round trip.
pub const RESEALED_AT_ONCE: usize = 50;

/// A sealed secret and its owner.
#[derive(Debug)]
pub struct SealedSecret {
    /// The owner.
    pub user: UserId,
    /// The sealed text.
    pub sealed: String,
}

impl TryFrom<&Row> for SealedSecret {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.parsed("user_id", UserId::parse)?,
            sealed: row.text("secret")?,
        })
    }
}

/// Lists the secrets with a sealed text between `from` and `to`, both exclusive, in order, at most
/// [`RESEALED_AT_ONCE`]. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn sealed_between(
    db: &dyn Db,
    from: &str,
    to: &str,
) -> Result<Vec<SealedSecret>, StoreError> {
    let most = i64::try_from(RESEALED_AT_ONCE).unwrap_or(i64::MAX);
    let select = sql(
        "SELECT user_id, secret FROM totp
          WHERE secret > ?1 AND secret < ?2 ORDER BY secret LIMIT ?3",
        [from.into(), to.into(), most.into()],
    );
    read_all(&run(db, select).await?)
}

/// Counts the secrets under each sealing key, by the key's id. Reads the whole table. One round
/// trip.
///
/// # Errors
/// [`StoreError`]
pub async fn count_by_key(db: &dyn Db) -> Result<Vec<(String, i64)>, StoreError> {
    let select = sql(
        "SELECT substr(secret, 1, instr(secret, '.') - 1) AS key, COUNT(*) AS found
           FROM totp GROUP BY 1 ORDER BY 1",
        [],
    );
    run(db, select)
        .await?
        .iter()
        .map(|row| Ok((row.text("key")?, row.integer("found")?)))
        .collect()
}

/// A secret that was sealed again under another key.
#[derive(Debug)]
pub struct ResealedSecret<'a> {
    /// The owner.
    pub user: UserId,
    /// The sealed text as it was read. A secret that has changed since is not replaced.
    pub old: &'a str,
    /// The new sealed text.
    pub new: String,
}

/// Replaces sealed texts and returns their number. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn replace(db: &dyn Db, resealed: &[ResealedSecret<'_>]) -> Result<usize, StoreError> {
    let update = |each: &ResealedSecret<'_>| {
        sql(
            "UPDATE totp SET secret = ?3 WHERE user_id = ?1 AND secret = ?2 RETURNING user_id",
            [each.user.into(), each.old.into(), each.new.as_str().into()],
        )
    };
    let results = db.batch(resealed.iter().map(update).collect()).await?;
    let is_replaced = |rows: &&Rows| !rows.is_empty();
    Ok(results.iter().filter(is_replaced).count())
}
