//! The schema of the database of channels. Objects are older than a version of this program, so
//! each is migrated when it starts.

use crate::kernel::store::{Db, Statement, StoreError, run, sql};

/// The migrations in order, the first of them from version 0 to 1. Applied ones never change.
const MIGRATIONS: [&[&str]; 1] = [&[
    // A channel. `tag_key` is random: members are stored as hashes under it. The floors are the
    // sequence number and the time that the channel reached before its last entries expired.
    // `destroyed` is 1 while entries remain to be removed, and 2 afterwards. `direct` is a JSON
    // list of the slots of the members of a direct message, and NULL in other channels.
    "CREATE TABLE channel_states (
        channel_id TEXT NOT NULL PRIMARY KEY,
        tag_key BLOB NOT NULL,
        head_floor INTEGER NOT NULL,
        time_floor INTEGER NOT NULL,
        destroyed INTEGER NOT NULL,
        direct TEXT
     ) STRICT, WITHOUT ROWID",
    "CREATE INDEX channel_states_destroyed ON channel_states (channel_id) WHERE destroyed = 1",
    // A member, or with `removed` 1 a former member. The version of the membership rises.
    "CREATE TABLE channel_members (
        channel_id TEXT NOT NULL,
        tag BLOB NOT NULL,
        version INTEGER NOT NULL,
        removed INTEGER NOT NULL,
        PRIMARY KEY (channel_id, tag)
     ) STRICT, WITHOUT ROWID",
    // An entry. `kind` 0 is a message, 1 a removed message, 2 an edit and 3 a removal of the
    // message with the sequence number `target`. `at` is in microseconds, `expires_at` in
    // milliseconds. `edits` is the number of edits of a message, and `last_edit` the sequence
    // number of the last one. `fingerprint` is a hash of the message as it was sent.
    // There is no sender.
    "CREATE TABLE channel_entries (
        channel_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        id TEXT,
        target INTEGER,
        sender_token BLOB,
        body BLOB,
        expires_at INTEGER,
        has_attachments INTEGER NOT NULL,
        edits INTEGER NOT NULL,
        last_edit INTEGER,
        edit_key_hash BLOB,
        fingerprint BLOB,
        PRIMARY KEY (channel_id, seq)
     ) STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX channel_entries_id ON channel_entries (id) WHERE id IS NOT NULL",
    // The hubs that follow a channel, and the members whom they have to evict yet, as JSON.
    "CREATE TABLE channel_hubs (
        channel_id TEXT NOT NULL PRIMARY KEY,
        record TEXT NOT NULL
     ) STRICT, WITHOUT ROWID",
    "CREATE INDEX channel_entries_expires_at ON channel_entries (expires_at)
      WHERE expires_at IS NOT NULL",
]];

/// Migrates the database to the schema of this version.
///
/// A newer version may have migrated it further. Migrations only add tables, indexes and columns
/// with defaults, so this version runs on that schema too.
///
/// # Errors
/// [`StoreError`]
pub async fn migrate(db: &dyn Db) -> Result<(), StoreError> {
    let create = sql(
        "CREATE TABLE IF NOT EXISTS channel_schema (version INTEGER NOT NULL PRIMARY KEY) STRICT",
        [],
    );
    run(db, create).await?;
    let version = sql(
        "SELECT version FROM channel_schema ORDER BY version DESC LIMIT 1",
        [],
    );
    let rows = run(db, version).await?;
    let applied: usize = match rows.first() {
        Some(row) => row.parsed_integer("version")?,
        None => 0,
    };
    for (texts, number) in MIGRATIONS.iter().zip(1_i64..).skip(applied) {
        let mut statements: Vec<Statement> = texts.iter().map(|text| sql(text, [])).collect();
        statements.push(sql(
            "INSERT INTO channel_schema (version) VALUES (?1)",
            [number.into()],
        ));
        db.batch(statements).await?;
    }
    Ok(())
}
