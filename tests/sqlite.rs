//! The SQLite adapter under faults of the machine: each fault is transient and damages no data.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test binary has no API, and panics are how it fails"
)]

use std::time::Duration;

use hamrah_api::kernel::store::{Db, Statement, StoreError, Value};
use hamrah_api::platform::native::migrations;
use hamrah_api::platform::native::sqlite::Sqlite;

fn statement(sql: &'static str, params: Vec<Value>) -> Statement {
    Statement { sql, params }
}

fn insert(id: &str, bytes: usize) -> Statement {
    statement(
        "INSERT INTO challenges (id, kind, state, created_at, expires_at) \
         VALUES (?1, 'test', ?2, 1, 2)",
        vec![id.into(), "x".repeat(bytes).as_str().into()],
    )
}

async fn count(db: &Sqlite) -> i64 {
    let rows = db
        .batch(vec![statement(
            "SELECT COUNT(*) AS n FROM challenges",
            Vec::new(),
        )])
        .await
        .expect("counts");
    rows[0][0].integer("n").expect("a number")
}

#[allow(
    clippy::disallowed_methods,
    reason = "the duration is measured by the clock of the machine"
)]
#[tokio::test]
async fn a_lasting_lock_is_a_transient_fault_after_a_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}/test.db", folder.path().display());
    let (db, other) = (
        Sqlite::open(&url).await.expect("opens"),
        Sqlite::open(&url).await.expect("opens"),
    );
    migrations::apply(db.pool()).await.expect("applies");
    let lock = other
        .pool()
        .begin_with("BEGIN IMMEDIATE")
        .await
        .expect("locks");
    let refused = db.batch(vec![insert("a", 1), insert("b", 1)]).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(count(&db).await, 0, "reads continue during the lock");
    let select = || statement("SELECT COUNT(*) AS n FROM challenges", Vec::new());
    let reads = db.batch(vec![select(), select()]);
    let read = tokio::time::timeout(Duration::from_secs(2), reads).await;
    let read = read.expect("a batch of reads does not wait");
    assert_eq!(read.expect("reads").len(), 2);
    drop(lock);
    db.batch(vec![insert("a", 1), insert("b", 1)])
        .await
        .expect("a retry succeeds");
    assert_eq!(count(&db).await, 2);
}

#[tokio::test]
async fn a_full_disk_rolls_the_batch_back() {
    let db = Sqlite::open("sqlite::memory:").await.expect("opens");
    migrations::apply(db.pool()).await.expect("applies");
    sqlx::raw_sql("PRAGMA max_page_count = 40")
        .execute(db.pool())
        .await
        .expect("limits");
    let refused = db
        .batch(vec![insert("small", 1), insert("large", 1_000_000)])
        .await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(count(&db).await, 0, "no statement of the batch was kept");
    db.batch(vec![insert("small", 1)])
        .await
        .expect("a small row still fits");
}

#[tokio::test]
async fn a_read_only_file_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("test.db");
    migrations::apply(
        Sqlite::open(&format!("sqlite:{}", file.display()))
            .await
            .expect("opens")
            .pool(),
    )
    .await
    .expect("applies");
    let db = Sqlite::open(&format!("sqlite:{}?mode=ro", file.display()))
        .await
        .expect("opens");
    let refused = db.batch(vec![insert("a", 1)]).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn mistakes_in_sql_are_not_transient_faults() {
    let db = Sqlite::open("sqlite::memory:").await.expect("opens");
    migrations::apply(db.pool()).await.expect("applies");
    db.batch(vec![insert("a", 1)]).await.expect("inserts");
    assert!(matches!(
        db.batch(vec![insert("a", 1)]).await,
        Err(StoreError::Conflict(_))
    ));
    for sql in [
        "SELECT nothing FROM nowhere",
        "INSERT INTO challenges (id) VALUES ('x')",
        "INSERT INTO challenges (id, kind, state, created_at, expires_at) \
         VALUES ('x', 'y', 'z', 'not a number', 1)",
    ] {
        let refused = db.batch(vec![statement(sql, Vec::new())]).await;
        assert!(
            matches!(refused, Err(StoreError::Broken(_))),
            "{sql}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_row_that_a_concurrent_call_deleted_is_a_transient_fault() {
    let db = Sqlite::open("sqlite::memory:").await.expect("opens");
    migrations::apply(db.pool()).await.expect("applies");
    let sql = "INSERT INTO challenges (id, kind, user_id, state, created_at, expires_at) \
               VALUES ('x', 'y', 'nobody', 'z', 1, 1)";
    let refused = db.batch(vec![statement(sql, Vec::new())]).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn events_are_append_only() {
    let db = Sqlite::open("sqlite::memory:").await.expect("opens");
    migrations::apply(db.pool()).await.expect("applies");
    let event = "INSERT INTO events (id, at, kind, user_id, actor, request_id) \
         VALUES ('e', 1, 'test', 'u', 'user', 'r')";
    db.batch(vec![statement(event, Vec::new())])
        .await
        .expect("appends");
    let refused = db
        .batch(vec![statement(
            "UPDATE events SET kind = 'other'",
            Vec::new(),
        )])
        .await;
    assert!(matches!(refused, Err(StoreError::Broken(reason)) if reason.contains("append-only")));
}

/// Concurrent connections that open a new file for the first time must not find it locked.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_connections_create_a_file_once() {
    for number in 0..300 {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}/test.db", folder.path().display());
        let opened = Sqlite::open(&url)
            .await
            .unwrap_or_else(|error| panic!("{number}: {error}"));
        migrations::apply(opened.pool())
            .await
            .unwrap_or_else(|error| panic!("{number}: {error}"));
        opened.pool().close().await;
    }
}

/// Records a migration that this version does not have, as a newer version does.
async fn migrated_by_newer(db: &Sqlite, version: i64, name: &str) {
    let record = "INSERT INTO _sqlx_migrations
            (version, description, success, checksum, execution_time)
        VALUES (?1, ?2, 1, X'00', 0)";
    let query = sqlx::query(record).bind(version).bind(name.to_owned());
    query.execute(db.pool()).await.expect("recorded");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_used_if_its_migrations_are_additive() {
    let db = Sqlite::open("sqlite::memory:").await.expect("opens");
    migrations::apply(db.pool()).await.expect("applies");
    migrated_by_newer(&db, 9_001, "notes_additive").await;
    migrations::apply(db.pool()).await.expect("additive");
    db.batch(vec![insert("a", 1)]).await.expect("writes");
    assert_eq!(count(&db).await, 1);

    migrated_by_newer(&db, 9_002, "rename_users").await;
    let refused = migrations::apply(db.pool())
        .await
        .expect_err("not additive");
    let message = refused.to_string();
    for part in ["9001_notes_additive, 9002_rename_users", "backup"] {
        assert!(message.contains(part), "{message}");
    }
}
