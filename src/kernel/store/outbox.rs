//! The outbox of the webhook. A trigger of the schema writes an entry beside every event that the
//! webhook receives, in the batch of the event. An entry is removed after its delivery, or when
//! delivery is given up.

use std::time::Duration;

use crate::kernel::model::events::OutboxEntry;
use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, read_all, remove_in_batches, run, sql};

/// The delays between delivery attempts. The last delay repeats.
pub type Delays = [Duration; 6];

/// The number of entries that one statement of the cleanup removes. Entries are small, and without
/// a webhook nearly every event leaves one.
const OUTBOX_BATCH: i64 = 4000;

/// Claims at most `most` entries that are due and postpones their next attempt.
///
/// Urgent entries come first, then the entries that have been due for longest. No two concurrent
/// callers get the same entry. If a caller fails, the entry is due again after the delay. The
/// caller removes an entry after its delivery.
///
/// # Errors
/// [`StoreError`]
pub async fn claim(
    db: &dyn Db,
    now: Timestamp,
    most: i64,
    delays: &Delays,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let [first, second, third, fourth, fifth, later] = delays.map(|delay| now.plus(delay).into());
    let claim = sql(
        "UPDATE outbox SET tries = tries + 1,
                next_at = CASE tries WHEN 0 THEN ?3 WHEN 1 THEN ?4 WHEN 2 THEN ?5
                                     WHEN 3 THEN ?6 WHEN 4 THEN ?7 ELSE ?8 END
          WHERE id IN (
              SELECT id FROM (SELECT id, urgent, next_at FROM outbox
                               WHERE urgent = 1 AND next_at <= ?1 ORDER BY next_at LIMIT ?2)
              UNION ALL
              SELECT id FROM (SELECT id, urgent, next_at FROM outbox
                               WHERE urgent = 0 AND next_at <= ?1 ORDER BY next_at LIMIT ?2)
              LIMIT ?2)
         RETURNING id, at, kind, user_id, email, email_verified, name, session_id, subject,
                   address, user_agent, tries",
        [
            now.into(),
            most.into(),
            first,
            second,
            third,
            fourth,
            fifth,
            later,
        ],
    );
    read_all(&run(db, claim).await?)
}

impl TryFrom<&Row> for OutboxEntry {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id", EventId::parse)?,
            at: row.time("at")?,
            kind: row.text("kind")?,
            user_id: row.text("user_id")?,
            email: row.opt_text("email")?,
            email_verified: row.opt_integer("email_verified")?.map(|flag| flag == 1),
            name: row.opt_text("name")?,
            session_id: row.opt_text("session_id")?,
            subject: row.opt_text("subject")?,
            address: row.opt_text("address")?,
            user_agent: row.opt_text("user_agent")?,
            tries: row.integer("tries")?,
        })
    }
}

/// Removes entries that were delivered.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(db: &dyn Db, delivered: &[EventId]) -> Result<(), StoreError> {
    let delete = |id: &EventId| sql("DELETE FROM outbox WHERE id = ?1", [(*id).into()]);
    db.batch(delivered.iter().map(delete).collect())
        .await
        .map(drop)
}

/// Gives up entries and returns their number.
///
/// With `before`, removes the entries of events before that time after at least one failed
/// delivery. Without it, which is the case without a webhook, removes every entry.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, before: Option<Timestamp>) -> Result<usize, StoreError> {
    let delete = match before {
        Some(before) => sql(
            "DELETE FROM outbox WHERE id IN (
                 SELECT id FROM outbox WHERE at < ?1 AND tries > 0 ORDER BY at LIMIT ?2)
             RETURNING id",
            [before.into(), OUTBOX_BATCH.into()],
        ),
        None => sql(
            "DELETE FROM outbox WHERE id IN (
                 SELECT id FROM outbox WHERE at >= 0 ORDER BY at LIMIT ?1)
             RETURNING id",
            [OUTBOX_BATCH.into()],
        ),
    };
    remove_in_batches(db, delete, OUTBOX_BATCH).await
}
