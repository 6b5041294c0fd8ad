//! TOTP secrets: kept, confirmed, taken away, sealed anew.

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::{Policy, Subject};
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::AttemptClaim;
use crate::accounts::store::factors::{FactorChange, changed};
use crate::accounts::store::live::IS_LIVE;
use crate::accounts::store::{events, live};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, rows, run, sql};

/// A TOTP secret as it is kept.
#[derive(Clone, Debug)]
pub struct Totp {
    /// Sealed.
    pub secret: String,
    /// Whether its first code came.
    pub confirmed: bool,
    /// When it was made: names it among those that the account had.
    pub made_at: Timestamp,
}

/// A step whose code was shown, of the secret that was made at a time: with another secret in its
/// place the step is good for nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TotpStep {
    /// RFC 6238's T.
    pub number: i64,
    /// When the secret was made.
    pub made_at: Timestamp,
}

pub(super) fn read(row: &Row) -> Result<Totp, StoreError> {
    Ok(Totp {
        secret: row.text("secret")?,
        confirmed: row.opt_time("confirmed_at")?.is_some(),
        made_at: row.time("made_at")?,
    })
}

/// Notes that the code of `step` made the sign-in `session` of `owner`, if this batch made it.
pub(super) fn use_step(step: TotpStep, owner: UserId, session: SessionId) -> Statement {
    sql(
        "UPDATE totp SET last_step = ?1
          WHERE user_id = ?2 AND created_at = ?4 AND last_step < ?1 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?3)",
        [step.number.into(), owner.into(), session.into(), step.made_at.into()],
    )
}

/// Notes that the code of `step` was used, in a batch that ends before it unless it may be.
pub(crate) fn note_step(step: TotpStep, owner: UserId) -> Statement {
    sql(
        "UPDATE totp SET last_step = ?1 WHERE user_id = ?2 AND created_at = ?3 AND last_step < ?1",
        [step.number.into(), owner.into(), step.made_at.into()],
    )
}

pub(super) fn select(user: UserId) -> Statement {
    sql(
        "SELECT secret, confirmed_at, created_at AS made_at FROM totp WHERE user_id = ?1",
        [user.into()],
    )
}

/// Keeps a secret that is not confirmed yet, in place of another such one. One round trip.
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
            "INSERT INTO totp (user_id, secret, created_at, last_step) SELECT ?2, ?3, ?4, 0 WHERE ",
            IS_LIVE,
            " ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, last_step = 0
               WHERE confirmed_at IS NULL
              RETURNING user_id"
        ),
        [by.session.into(), by.user.into(), sealed.into(), now.into()],
    );
    let results = db.batch(vec![live::select(by), insert]).await?;
    Ok(changed(&results, 1))
}

/// Counts an attempt, and gives the account's secret, confirmed or not. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim_attempt(
    db: &dyn Db,
    user: UserId,
    (subject, policy): (&Subject, &Policy),
    now: Timestamp,
) -> Result<(Option<Totp>, AttemptClaim), StoreError> {
    let mut batch = vec![select(user)];
    batch.extend(attempts::claim(subject, policy, now));
    let results = db.batch(batch).await?;
    Ok((
        rows(&results, 0).first().map(read).transpose()?,
        attempts::claimed(&results, 1)?,
    ))
}

/// Confirms a secret with the code of `step`, and forgets the attempts. Gives `None` if another
/// caller confirmed it meanwhile. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn confirm(
    db: &dyn Db,
    by: Caller,
    step: TotpStep,
    subject: &Subject,
    context: &EventContext,
) -> Result<Option<FactorChange>, StoreError> {
    let forgive = sql(
        concatcp!(
            "DELETE FROM attempts WHERE subject = ?3 AND ",
            IS_LIVE,
            " AND EXISTS (SELECT 1 FROM totp WHERE user_id = ?2 AND created_at = ?4 AND confirmed_at IS NULL)"
        ),
        [
            by.session.into(),
            by.user.into(),
            subject.as_str().into(),
            step.made_at.into(),
        ],
    );
    let event = events::event(
        insert_event!(
            "t.user_id, s.id FROM totp AS t JOIN sessions AS s ON s.user_id = t.user_id
              WHERE s.id = ?8 AND t.user_id = ?9 AND s.revoked_at IS NULL AND t.created_at = ?10 AND t.confirmed_at IS NULL"
        ),
        context,
        EventKind::TotpEnabled,
        [by.session.into(), by.user.into(), step.made_at.into()],
    );
    let update = sql(
        concatcp!(
            "UPDATE totp SET confirmed_at = ?5, last_step = ?4 WHERE user_id = ?2 AND created_at = ?3 AND confirmed_at IS NULL AND ",
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
    let results = db
        .batch(vec![
            live::select(by),
            forgive,
            event,
            update,
            select(by.user),
        ])
        .await?;
    let ended = changed(&results, 3);
    let confirmed = rows(&results, 4)
        .first()
        .map(read)
        .transpose()?
        .is_some_and(|totp| totp.confirmed);
    Ok((ended != FactorChange::No || !confirmed).then_some(ended))
}

/// Takes TOTP away, confirmed or not; an event tells only of what had been confirmed. One round
/// trip.
///
/// # Errors
/// [`StoreError`]
pub async fn disable(
    db: &dyn Db,
    by: Caller,
    context: &EventContext,
) -> Result<FactorChange, StoreError> {
    let event = events::event(
        insert_event!(
            "t.user_id, s.id FROM totp AS t JOIN sessions AS s ON s.user_id = t.user_id
              WHERE s.id = ?8 AND t.user_id = ?9 AND s.revoked_at IS NULL AND t.confirmed_at IS NOT NULL"
        ),
        context,
        EventKind::TotpDisabled,
        [by.session.into(), by.user.into()],
    );
    let delete = sql(
        concatcp!(
            "DELETE FROM totp WHERE user_id = ?2 AND ",
            IS_LIVE,
            " RETURNING user_id"
        ),
        [by.session.into(), by.user.into()],
    );
    let results = db.batch(vec![live::select(by), event, delete]).await?;
    Ok(changed(&results, 2))
}

/// Secrets that are read, and replaced, in one round trip.
pub const RESEALED_AT_ONCE: usize = 50;

/// Secrets whose sealed text lies between two texts, both left out, in order, with their owners; at
/// most [`RESEALED_AT_ONCE`]. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn sealed_between(
    db: &dyn Db,
    from: &str,
    to: &str,
) -> Result<Vec<(UserId, String)>, StoreError> {
    let most = i64::try_from(RESEALED_AT_ONCE).unwrap_or(i64::MAX);
    let select = sql(
        "SELECT user_id, secret FROM totp WHERE secret > ?1 AND secret < ?2 ORDER BY secret LIMIT ?3",
        [from.into(), to.into(), most.into()],
    );
    run(db, select)
        .await?
        .iter()
        .map(|row| Ok((row.parsed("user_id", UserId::parse)?, row.text("secret")?)))
        .collect()
}

/// How many secrets each key sealed, by its id. Reads all of them. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn count_by_key(db: &dyn Db) -> Result<Vec<(String, i64)>, StoreError> {
    let select = sql(
        "SELECT substr(secret, 1, instr(secret, '.') - 1) AS key, COUNT(*) AS found FROM totp GROUP BY 1 ORDER BY 1",
        [],
    );
    run(db, select)
        .await?
        .iter()
        .map(|row| Ok((row.text("key")?, row.integer("found")?)))
        .collect()
}

/// A secret that was sealed anew.
#[derive(Debug)]
pub struct ResealedSecret<'a> {
    /// Its owner.
    pub user: UserId,
    /// As it was: if it is not any more, nothing is replaced.
    pub old: &'a str,
    /// As it is to be.
    pub new: String,
}

/// Replaces sealed texts; gives how many. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn replace(db: &dyn Db, anew: &[ResealedSecret<'_>]) -> Result<usize, StoreError> {
    let update = |each: &ResealedSecret<'_>| {
        sql(
            "UPDATE totp SET secret = ?3 WHERE user_id = ?1 AND secret = ?2 RETURNING user_id",
            [each.user.into(), each.old.into(), each.new.as_str().into()],
        )
    };
    let results = db.batch(anew.iter().map(update).collect()).await?;
    Ok(results.iter().filter(|rows| !rows.is_empty()).count())
}
