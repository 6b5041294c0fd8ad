//! The hubs that follow channels, as a record of the domain.

use crate::kernel::store::{Db, Rows, Statement, StoreError, run, sql};

/// Returns the record of a channel, if hubs follow it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn record(db: &dyn Db, channel: &str) -> Result<Option<String>, StoreError> {
    let select = sql(
        "SELECT record FROM channel_hubs WHERE channel_id = ?1",
        [channel.into()],
    );
    let rows: Rows = run(db, select).await?;
    rows.first().map(|row| row.text("record")).transpose()
}

/// Returns the channels that have a record. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn followed(db: &dyn Db) -> Result<Vec<String>, StoreError> {
    let rows = run(db, sql("SELECT channel_id FROM channel_hubs", [])).await?;
    rows.iter().map(|row| row.text("channel_id")).collect()
}

/// Stores the record of a channel, or removes it.
#[must_use]
pub fn set_record(channel: &str, record: Option<&str>) -> Statement {
    match record {
        Some(record) => sql(
            "INSERT INTO channel_hubs (channel_id, record) VALUES (?1, ?2)
             ON CONFLICT (channel_id) DO UPDATE SET record = excluded.record",
            [channel.into(), record.into()],
        ),
        None => sql(
            "DELETE FROM channel_hubs WHERE channel_id = ?1",
            [channel.into()],
        ),
    }
}
