//! Counters by the hour. A subject is a keyed hash, so the rows do not tell who did something.

use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, Db, Statement, StoreError, remove_in_batches, run, sql};

/// The milliseconds of an hour.
const HOUR_MILLIS: i64 = 3_600_000;

/// Returns the hour of a time, counted from 1970.
#[must_use]
pub fn hour(now: Timestamp) -> i64 {
    now.millis().div_euclid(HOUR_MILLIS)
}

/// Counts one more of `subject` in this hour. Returns the count.
pub(super) fn add(subject: &str, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO relay_counts (subject, hour, count) VALUES (?1, ?2, 1)
         ON CONFLICT (subject) DO UPDATE
            SET count = iif(hour = excluded.hour, count + 1, 1), hour = excluded.hour
         RETURNING count",
        [subject.into(), hour(now).into()],
    )
}

/// Counts one more of `subject` in this hour, unless the claim of prekeys `request` is known. A
/// repeated claim takes nothing.
pub(super) fn add_unless_claimed(
    subject: &str,
    request: Option<&str>,
    now: Timestamp,
) -> Statement {
    sql(
        "INSERT INTO relay_counts (subject, hour, count)
         SELECT ?1, ?2, 1
          WHERE NOT EXISTS (SELECT 1 FROM relay_prekey_claims WHERE request = ?3)
         ON CONFLICT (subject) DO UPDATE
            SET count = iif(hour = excluded.hour, count + 1, 1), hour = excluded.hour",
        [subject.into(), hour(now).into(), request.into()],
    )
}

/// Counts `number` more of `subject` in this hour. Returns the count.
pub(super) fn add_many(subject: &str, number: i64, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO relay_counts (subject, hour, count) VALUES (?1, ?2, ?3)
         ON CONFLICT (subject) DO UPDATE
            SET count = iif(hour = excluded.hour, count + excluded.count, excluded.count),
                hour = excluded.hour
         RETURNING count",
        [subject.into(), hour(now).into(), number.into()],
    )
}

/// Counts one more of `subject` in this hour, and returns the count. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn count(db: &dyn Db, subject: &str, now: Timestamp) -> Result<i64, StoreError> {
    let rows = run(db, add(subject, now)).await?;
    rows.first()
        .ok_or_else(|| StoreError::Broken("a count has no row".to_owned()))?
        .integer("count")
}

/// Removes the counts of earlier hours. Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM relay_counts WHERE subject IN (
             SELECT subject FROM relay_counts WHERE hour < ?1 LIMIT ?2) RETURNING 1 AS one",
        [hour(now).into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
