//! Events on their way to the webhook. A trigger of the schema writes a row with every event that
//! is worth a notice, so in the same batch; a row goes when its receiver has it, or when it is
//! given up.

use std::time::Duration;

use crate::kernel::model::events::OutboxEntry;
use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, remove_in_batches, run, sql};

/// How long after each try the next one follows; the last for all that come after.
pub type Delays = [Duration; 6];

/// Rows that one statement of the sweep removes: they are small, and without a webhook there is one
/// for nearly every event.
const OUTBOX_BATCH: i64 = 4000;

/// Takes at most `most` notices that are due, urgent ones before others and then the longest due
/// first, and puts off their next try: so no two callers get one notice at a time, and one whose
/// caller comes to grief is tried again. Whoever delivers a notice removes it.
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
                next_at = CASE tries WHEN 0 THEN ?3 WHEN 1 THEN ?4 WHEN 2 THEN ?5 WHEN 3 THEN ?6 WHEN 4 THEN ?7 ELSE ?8 END
          WHERE id IN (
              SELECT id FROM (SELECT id, urgent, next_at FROM outbox WHERE urgent = 1 AND next_at <= ?1 ORDER BY next_at LIMIT ?2)
              UNION ALL
              SELECT id FROM (SELECT id, urgent, next_at FROM outbox WHERE urgent = 0 AND next_at <= ?1 ORDER BY next_at LIMIT ?2)
              LIMIT ?2)
         RETURNING id, at, kind, user_id, email, email_verified, name, session_id, subject, address, user_agent, tries",
        [now.into(), most.into(), first, second, third, fourth, fifth, later],
    );
    run(db, claim).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<OutboxEntry, StoreError> {
    Ok(OutboxEntry {
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

/// Removes notices that were delivered.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(db: &dyn Db, delivered: &[EventId]) -> Result<(), StoreError> {
    let delete = |id: &EventId| sql("DELETE FROM outbox WHERE id = ?1", [(*id).into()]);
    db.batch(delivered.iter().map(delete).collect())
        .await
        .map(drop)
}

/// Gives up notices of what happened before `before` and was tried in vain, or, where nobody wants
/// them, all; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, before: Option<Timestamp>) -> Result<usize, StoreError> {
    let delete = match before {
        Some(before) => sql(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE at < ?1 AND tries > 0 ORDER BY at LIMIT ?2) RETURNING id",
            [before.into(), OUTBOX_BATCH.into()],
        ),
        None => sql(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE at >= 0 ORDER BY at LIMIT ?1) RETURNING id",
            [OUTBOX_BATCH.into()],
        ),
    };
    remove_in_batches(db, delete, OUTBOX_BATCH).await
}
