//! Attempts at guessing, counted before the guess is looked at: a failure cannot be lost, and of
//! concurrent guesses each counts.

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::{ATTEMPTS_KEPT, MOST_DOUBLINGS, Policy, Subject};
use crate::accounts::store::live::IS_LIVE;
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Rows, Statement, StoreError, remove_in_batches, rows, sql,
};

/// Rows that one statement of a sweep removes: strangers can make them, so a minute's sweep takes
/// away more than they can make.
const ATTEMPTS_BATCH: i64 = 8 * CLEANUP_BATCH;

/// Whether a guess may be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptClaim {
    /// It may, and is counted as a failure until it is forgiven.
    Allowed,
    /// Not before this moment; it is not counted.
    Refused {
        /// When the next one may.
        free_at: Timestamp,
    },
}

/// The statements that claim an attempt, to stand in a batch next to each other; [`claimed`] reads
/// what they gave.
///
/// Whatever else stands in the batch happens also if the attempt is refused: it may read, or take
/// what is good only once, and no more.
#[must_use]
pub fn claim(subject: &Subject, policy: &Policy, now: Timestamp) -> [Statement; 2] {
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
    [
        count,
        sql(
            "SELECT free_at FROM attempts WHERE subject = ?1",
            [subject.as_str().into()],
        ),
    ]
}

/// What became of the claim whose statements stood at `index` of a batch and after it.
///
/// # Errors
/// [`StoreError::Broken`] if they did not.
pub fn claimed(results: &[Rows], index: usize) -> Result<AttemptClaim, StoreError> {
    if !rows(results, index).is_empty() {
        return Ok(AttemptClaim::Allowed);
    }
    match rows(results, index.saturating_add(1)).first() {
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
    subject: &Subject,
    policy: &Policy,
    now: Timestamp,
) -> Result<AttemptClaim, StoreError> {
    claimed(&db.batch(claim(subject, policy, now).into()).await?, 0)
}

/// The statement that forgets the attempts on a subject after a success, for a batch that makes the
/// sign-in `session` only if everything holds: to stand after the statement that makes it. Who
/// merely claims an address that another account has or claims too forgives nothing: with an
/// account of their own they could guess at the other one for ever.
#[must_use]
pub fn clear_for(subject: &Subject, session: SessionId) -> Statement {
    sql(
        "DELETE FROM attempts WHERE subject = ?1 AND EXISTS (
             SELECT 1 FROM sessions AS s JOIN users AS u ON u.id = s.user_id
              WHERE s.id = ?2 AND (u.email_verified = 1 OR NOT EXISTS (SELECT 1 FROM users AS o WHERE o.email = u.email AND o.id <> u.id)))",
        [subject.as_str().into(), session.into()],
    )
}

/// The statement that forgets the attempts on a subject, for a batch that ends before it unless
/// everything holds.
#[must_use]
pub fn clear(subject: &Subject) -> Statement {
    sql(
        "DELETE FROM attempts WHERE subject = ?1",
        [subject.as_str().into()],
    )
}

/// The same, if the sign-in of whoever changes something is live.
#[must_use]
pub fn clear_by(subject: &Subject, by: Caller) -> Statement {
    sql(
        concatcp!("DELETE FROM attempts WHERE subject = ?3 AND ", IS_LIVE),
        [by.session.into(), by.user.into(), subject.as_str().into()],
    )
}

/// Removes what was last tried before or at `before`, some batches of it; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, before: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM attempts WHERE subject IN (SELECT subject FROM attempts WHERE last_at <= ?1 ORDER BY last_at LIMIT ?2) RETURNING subject",
        [before.into(), ATTEMPTS_BATCH.into()],
    );
    remove_in_batches(db, delete, ATTEMPTS_BATCH).await
}
