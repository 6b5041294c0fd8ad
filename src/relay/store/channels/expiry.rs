//! The removal of expired entries and of the entries of removed channels, in slices.

use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, Db, StoreError, batch, sql};

/// Removes at most 500 expired entries and at most 500 entries of removed channels. Returns their
/// number. One round trip.
///
/// A channel whose last entry expires keeps its sequence number and time, so that they never fall.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_due(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let floors = sql(
        "UPDATE channel_states AS s SET (head_floor, time_floor) = (
             SELECT e.seq, e.at FROM channel_entries AS e
              WHERE e.channel_id = s.channel_id ORDER BY e.seq DESC LIMIT 1)
          WHERE s.channel_id IN (
                    SELECT channel_id FROM channel_entries WHERE expires_at <= ?1
                     ORDER BY expires_at LIMIT ?2)
            AND (SELECT e.expires_at FROM channel_entries AS e
                  WHERE e.channel_id = s.channel_id ORDER BY e.seq DESC LIMIT 1) <= ?1",
        [now.into(), CLEANUP_BATCH.into()],
    );
    let expired = sql(
        "DELETE FROM channel_entries WHERE (channel_id, seq) IN (
             SELECT channel_id, seq FROM channel_entries WHERE expires_at <= ?1
              ORDER BY expires_at LIMIT ?2)
         RETURNING 1 AS one",
        [now.into(), CLEANUP_BATCH.into()],
    );
    let destroyed = sql(
        "DELETE FROM channel_entries WHERE (channel_id, seq) IN (
             SELECT e.channel_id, e.seq FROM channel_states AS s
               JOIN channel_entries AS e ON e.channel_id = s.channel_id
              WHERE s.destroyed = 1 LIMIT ?1)
         RETURNING 1 AS one",
        [CLEANUP_BATCH.into()],
    );
    let finished = sql(
        "UPDATE channel_states SET destroyed = 2
          WHERE destroyed = 1 AND NOT EXISTS (
                    SELECT 1 FROM channel_entries AS e
                     WHERE e.channel_id = channel_states.channel_id)",
        [],
    );
    let [_, expired, destroyed, _] = batch(db, [floors, expired, destroyed, finished]).await?;
    Ok(expired.len() + destroyed.len())
}

/// Returns when [`remove_due`] has work next: the first expiry, or `now` for a removed channel. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn due(db: &dyn Db, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let expiry = sql(
        "SELECT expires_at FROM channel_entries WHERE expires_at IS NOT NULL
          ORDER BY expires_at LIMIT 1",
        [],
    );
    let destroyed = sql(
        "SELECT 1 AS one FROM channel_states WHERE destroyed = 1 LIMIT 1",
        [],
    );
    let [expiry, destroyed] = batch(db, [expiry, destroyed]).await?;
    if !destroyed.is_empty() {
        return Ok(Some(now));
    }
    expiry.first().map(|row| row.time("expires_at")).transpose()
}
