//! The database of a hub's object at the edge: how often it started, and the traces of connections.

use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, StoreError, batch, run, sql};

/// Makes the tables, and returns the number of this start: greater than that of each earlier one,
/// also if the clock went back.
///
/// # Errors
/// [`StoreError`]
pub async fn start(db: &dyn Db, now: Timestamp) -> Result<u64, StoreError> {
    let tables = [
        "CREATE TABLE IF NOT EXISTS hub_starts (
            id INTEGER NOT NULL PRIMARY KEY,
            life INTEGER NOT NULL
         ) STRICT",
        "CREATE TABLE IF NOT EXISTS hub_traces (
            connection TEXT NOT NULL PRIMARY KEY,
            trace TEXT NOT NULL
         ) STRICT, WITHOUT ROWID",
    ];
    db.batch(tables.map(|text| sql(text, [])).into()).await?;
    let raise = sql(
        "INSERT INTO hub_starts (id, life) VALUES (1, ?1)
         ON CONFLICT (id) DO UPDATE SET life = max(life + 1, excluded.life)
         RETURNING life",
        [now.into()],
    );
    let [rows] = batch(db, [raise]).await?;
    rows.first()
        .ok_or_else(|| StoreError::Broken("a hub has no start".to_owned()))?
        .parsed_integer("life")
}

/// Returns all traces, as JSON.
///
/// # Errors
/// [`StoreError`]
pub async fn traces(db: &dyn Db) -> Result<Vec<String>, StoreError> {
    let rows = run(db, sql("SELECT trace FROM hub_traces", [])).await?;
    rows.iter().map(|row| row.text("trace")).collect()
}

/// Stores the trace of a connection.
///
/// # Errors
/// [`StoreError`]
pub async fn keep(db: &dyn Db, connection: &str, trace: &str) -> Result<(), StoreError> {
    let insert = sql(
        "INSERT INTO hub_traces (connection, trace) VALUES (?1, ?2)
         ON CONFLICT (connection) DO UPDATE SET trace = excluded.trace",
        [connection.into(), trace.into()],
    );
    run(db, insert).await.map(drop)
}

/// Removes the trace of a connection.
///
/// # Errors
/// [`StoreError`]
pub async fn discard(db: &dyn Db, connection: &str) -> Result<(), StoreError> {
    let delete = sql(
        "DELETE FROM hub_traces WHERE connection = ?1",
        [connection.into()],
    );
    run(db, delete).await.map(drop)
}
