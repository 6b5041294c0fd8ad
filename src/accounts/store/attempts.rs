//! Guessing attempts. An attempt is counted before the guess is checked, so a failure cannot be
//! lost, and every concurrent guess counts.

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::{
    ATTEMPTS_KEPT, MOST_DOUBLINGS, ThrottlePolicy, ThrottleSubject,
};
use crate::accounts::store::live::IS_LIVE;
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Rows, Statement, StoreError, batch, remove_in_batches, sql,
};

/// The number of rows that one statement of the cleanup removes. Clients without an account can add
/// rows, so the cleanup of one minute removes more than they can add in a minute.
const ATTEMPTS_BATCH: i64 = 8 * CLEANUP_BATCH;

/// The subject of an attempt, and the policy that limits its attempts.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLimit<'a> {
    /// The subject under which the attempt is counted.
    pub subject: &'a ThrottleSubject,
    /// The number of free attempts and the delays after them.
    pub policy: &'a ThrottlePolicy,
}

/// The answer to a claim of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptClaim {
    /// The guess may be checked. It counts as a failure until a success clears the attempts.
    Allowed,
    /// The guess must not be checked, and is not counted.
    Refused {
        /// The time of the next allowed attempt.
        free_at: Timestamp,
    },
}

/// Returns the two statements that claim an attempt. [`claimed`] reads their rows.
///
/// The rest of the batch runs even if the attempt is refused. Put only reads and single-use
/// consumption beside these statements.
#[must_use]
pub fn claim(limit: AttemptLimit<'_>, now: Timestamp) -> [Statement; 2] {
    let AttemptLimit { subject, policy } = limit;
    let millis = |delay: std::time::Duration| i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    let count = sql(
        "INSERT INTO attempts (subject, failures, last_at, free_at) VALUES (?1, 1, ?2, ?2 + ?3)
         ON CONFLICT (subject) DO UPDATE SET
             failures = CASE WHEN last_at <= ?4 THEN 1 ELSE failures + 1 END,
             last_at = ?2,
             free_at = ?2 + CASE WHEN last_at <= ?4 THEN ?3
                                 WHEN failures + 1 < ?5 THEN 0
                                 ELSE MIN(?6 << MIN(failures + 1 - ?5, ?7), ?8) END
          WHERE free_at <= ?2
         RETURNING failures",
        [
            subject.as_str().into(),
            now.into(),
            millis(policy.delay_after(1)).into(),
            now.minus(ATTEMPTS_KEPT).into(),
            i64::from(policy.free).into(),
            millis(policy.first_delay).into(),
            i64::from(MOST_DOUBLINGS).into(),
            millis(policy.longest_delay).into(),
        ],
    );
    [count, select_free_at(subject)]
}

/// Selects the time of the next allowed attempt on a subject.
pub(super) fn select_free_at(subject: &ThrottleSubject) -> Statement {
    sql(
        "SELECT free_at FROM attempts WHERE subject = ?1",
        [subject.as_str().into()],
    )
}

/// Reads the rows of the two statements of [`claim`].
///
/// # Errors
/// [`StoreError::Broken`] if the attempt was neither counted nor refused.
pub fn claimed(counted: &Rows, free_at: &Rows) -> Result<AttemptClaim, StoreError> {
    if !counted.is_empty() {
        return Ok(AttemptClaim::Allowed);
    }
    match free_at.first() {
        Some(row) => Ok(AttemptClaim::Refused {
            free_at: row.time("free_at")?,
        }),
        None => Err(StoreError::Broken(
            "an attempt was neither counted nor refused".to_owned(),
        )),
    }
}

/// Claims an attempt. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn try_claim(
    db: &dyn Db,
    limit: AttemptLimit<'_>,
    now: Timestamp,
) -> Result<AttemptClaim, StoreError> {
    let [counted, free_at] = batch(db, claim(limit, now)).await?;
    claimed(&counted, &free_at)
}

/// Gives back an attempt that was allowed at `claimed_at` and never checked. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn give_back(
    db: &dyn Db,
    subject: &ThrottleSubject,
    claimed_at: Timestamp,
) -> Result<(), StoreError> {
    let only = sql(
        "DELETE FROM attempts WHERE subject = ?1 AND failures = 1",
        [subject.as_str().into()],
    );
    let last = sql(
        "UPDATE attempts
            SET failures = failures - 1,
                free_at = CASE WHEN last_at = ?2 THEN last_at ELSE free_at END
          WHERE subject = ?1 AND failures > 1",
        [subject.as_str().into(), claimed_at.into()],
    );
    batch(db, [only, last]).await.map(|[_, _]| ())
}

/// Returns the statements that forgive the attempts on a subject if the batch created `session`.
/// They come after the statement that creates the session. `claimed_at` is the time of the attempt
/// that succeeded.
///
/// An address that another account also claims keeps its count, because the owner of one account
/// could otherwise guess at the other without limit. Only the attempt that succeeded is taken back,
/// so the other account cannot lock this one out either.
#[must_use]
pub fn forgive(
    subject: &ThrottleSubject,
    session: SessionId,
    claimed_at: Timestamp,
) -> [Statement; 2] {
    [
        sql(
            "DELETE FROM attempts WHERE subject = ?1 AND EXISTS (
                 SELECT 1 FROM sessions AS s JOIN users AS u ON u.id = s.user_id
                  WHERE s.id = ?2
                    AND (?3 = 0 OR attempts.failures <= 1 OR NOT EXISTS (
                         SELECT 1 FROM users AS o WHERE o.email = u.email AND o.id <> u.id)))",
            [
                subject.as_str().into(),
                session.into(),
                subject.is_shared().into(),
            ],
        ),
        sql(
            "UPDATE attempts
                SET failures = failures - 1,
                    free_at = CASE WHEN last_at = ?3 THEN last_at ELSE free_at END
              WHERE subject = ?1 AND failures > 1
                AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?2)",
            [subject.as_str().into(), session.into(), claimed_at.into()],
        ),
    ]
}

/// Returns the statement that clears the attempts on a subject that belongs to one account. The
/// batch must check its preconditions in earlier statements.
#[must_use]
pub fn clear(subject: &ThrottleSubject) -> Statement {
    sql(
        "DELETE FROM attempts WHERE subject = ?1",
        [subject.as_str().into()],
    )
}

/// Like [`clear`], for a name of the account `user`. The count of an address stays if another
/// account also claims the address.
#[must_use]
pub fn clear_of(subject: &ThrottleSubject, user: UserId) -> Statement {
    sql(
        "DELETE FROM attempts WHERE subject = ?1
            AND (?3 = 0 OR NOT EXISTS (
                 SELECT 1 FROM users AS u JOIN users AS o ON o.email = u.email AND o.id <> u.id
                  WHERE u.id = ?2))",
        [
            subject.as_str().into(),
            user.into(),
            subject.is_shared().into(),
        ],
    )
}

/// Counts the attempts on a name against another name too. A new name of an account would otherwise
/// allow new guesses at the same password.
#[must_use]
pub fn carry(from: &ThrottleSubject, to: &ThrottleSubject) -> Statement {
    sql(
        "INSERT INTO attempts (subject, failures, last_at, free_at)
         SELECT ?2, failures, last_at, free_at FROM attempts WHERE subject = ?1
         ON CONFLICT (subject) DO UPDATE SET failures = MAX(failures, excluded.failures),
                                             last_at = MAX(last_at, excluded.last_at),
                                             free_at = MAX(free_at, excluded.free_at)",
        [from.as_str().into(), to.as_str().into()],
    )
}

/// Like [`clear_of`], for the account of the caller, if the session of the caller is live.
#[must_use]
pub fn clear_by(subject: &ThrottleSubject, by: Caller) -> Statement {
    sql(
        concatcp!(
            "DELETE FROM attempts WHERE subject = ?3
                AND (?4 = 0 OR NOT EXISTS (
                     SELECT 1 FROM users AS u JOIN users AS o ON o.email = u.email AND o.id <> u.id
                      WHERE u.id = ?2))
                AND ",
            IS_LIVE
        ),
        [
            by.session.into(),
            by.user.into(),
            subject.as_str().into(),
            subject.is_shared().into(),
        ],
    )
}

/// Removes subjects without an attempt after `before`, in a few batches. Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, before: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM attempts WHERE subject IN (
             SELECT subject FROM attempts WHERE last_at <= ?1 ORDER BY last_at LIMIT ?2)
         RETURNING subject",
        [before.into(), ATTEMPTS_BATCH.into()],
    );
    remove_in_batches(db, delete, ATTEMPTS_BATCH).await
}
