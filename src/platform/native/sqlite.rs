//! The `Db` port over SQLite: a batch that writes is one immediate transaction.

use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Column, Executor, Row as _, SqliteConnection, TypeInfo, ValueRef};
use tokio::sync::Semaphore;

use crate::kernel::store::{Db, Precondition, Row, Rows, Statement, StoreError, Value};

/// How long a writer waits for another one, and a request for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections: one writes at a time, the others read.
const CONNECTIONS: u32 = 8;

/// An SQLite database.
pub struct Sqlite {
    pool: SqlitePool,
    /// Writers wait here, not on connections that readers need.
    writer: Arc<Semaphore>,
}

impl Sqlite {
    /// Opens `url` (`sqlite:<file>`, or `sqlite::memory:` for one that vanishes), creating the file if it is missing.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::from_str(url)?;
        make_private(options.get_filename());
        let options = options
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL with FULL: what was acknowledged survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        // A database in memory belongs to its connection.
        let connections = if url.contains(":memory:") {
            1
        } else {
            CONNECTIONS
        };
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Self {
            pool,
            writer: Arc::new(Semaphore::new(1)),
        })
    }

    /// The pool, for migrations.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    async fn read(&self, statement: &Statement) -> Result<Vec<Rows>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(vec![run(&mut connection, statement).await?])
    }
}

/// Makes the file, if it is missing, so that only its owner may read it: it holds addresses. SQLite gives its other files the same rights.
fn make_private(file: &Path) {
    if file.as_os_str().is_empty()
        || file.starts_with(":memory:")
        || file.to_string_lossy().contains("sqlx-in-memory")
        || file.exists()
    {
        return;
    }
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // If it cannot be made, SQLite is about to say so itself.
    let _ = options.open(file);
}

/// Runs the batch in a transaction.
///
/// The transaction is begun and ended by hand: SQLite ends it by itself on some errors (a full disk, for one), which a guard that counts
/// its depth does not notice, and the connection would be lost to the pool.
async fn write(
    pool: SqlitePool,
    writer: Arc<Semaphore>,
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, sqlx::Error> {
    let turn = tokio::time::timeout(BUSY_TIMEOUT, writer.acquire())
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)?;
    let _turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
    let mut connection = pool.acquire().await?;
    // Immediate: a batch that began by reading could otherwise find the lock taken when it comes to write.
    connection.execute("BEGIN IMMEDIATE").await?;
    let results = run_all(&mut connection, &statements).await;
    if results.is_err()
        && let Err(error) = connection.execute("ROLLBACK").await
        && !error.to_string().contains("no transaction is active")
    {
        // Nobody knows what state it is in.
        connection.close().await?;
    }
    results
}

async fn run_all(
    connection: &mut SqliteConnection,
    statements: &[Statement],
) -> Result<Vec<Rows>, sqlx::Error> {
    let mut results = Vec::with_capacity(statements.len());
    for statement in statements {
        results.push(run(connection, statement).await?);
    }
    connection.execute("COMMIT").await?;
    Ok(results)
}

#[async_trait]
impl Db for Sqlite {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        let results = match statements.as_slice() {
            [only] if only.is_read() => self.read(only).await,
            // In a task of its own: a client who hangs up must not stop a batch between its beginning and its end.
            _ => tokio::spawn(write(
                self.pool.clone(),
                Arc::clone(&self.writer),
                statements,
            ))
            .await
            .unwrap_or(Err(sqlx::Error::WorkerCrashed)),
        };
        results.map_err(|error| classify(&error))
    }
}

async fn run(
    connection: &mut SqliteConnection,
    statement: &Statement,
) -> Result<Rows, sqlx::Error> {
    let query =
        statement
            .params
            .iter()
            .fold(sqlx::query(statement.sql), |query, value| match value {
                Value::Null => query.bind(None::<&str>),
                Value::Integer(integer) => query.bind(*integer),
                Value::Text(text) => query.bind(text.as_str()),
            });
    connection.fetch_all(query).await?.iter().map(row).collect()
}

fn row(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let value = |index: usize| {
        let raw = row.try_get_raw(index)?;
        match raw.type_info().name() {
            _ if raw.is_null() => Ok(Value::Null),
            "TEXT" => row.try_get(index).map(Value::Text),
            _ => row.try_get(index).map(Value::Integer),
        }
    };
    let columns = row
        .columns()
        .iter()
        .map(|column| Ok((column.name().to_owned(), value(column.ordinal())?)));
    columns
        .collect::<Result<Vec<_>, sqlx::Error>>()
        .map(Row::new)
}

fn classify(error: &sqlx::Error) -> StoreError {
    let text = error.to_string();
    match error {
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            StoreError::Conflict(text)
        }
        sqlx::Error::Database(_) if let Some(failed) = Precondition::in_message(&text) => {
            StoreError::Refused(failed)
        }
        sqlx::Error::Database(database) => {
            // The primary result code is the low byte of the extended one (sqlite.org/rescode.html).
            let code = database
                .code()
                .and_then(|code| code.parse::<i32>().ok())
                .map(|code| code & 0xFF);
            // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN: the machine's doing, and passing.
            if matches!(code, Some(5..=10 | 13 | 14)) {
                StoreError::Unavailable(text)
            } else {
                StoreError::Broken(text)
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable(text),
        _ => StoreError::Broken(text),
    }
}
