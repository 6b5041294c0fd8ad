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

/// How long a writer waits for another writer, and a request for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Number of connections. One writes at a time, the others read.
const CONNECTIONS: u32 = 8;

/// An SQLite database.
pub struct Sqlite {
    pool: SqlitePool,
    /// Writers wait for this lock, so that they do not hold connections that readers need.
    writer: Arc<Semaphore>,
}

impl Sqlite {
    /// Opens `url` and creates the file if it is missing. `url` is `sqlite:<file>`, or
    /// `sqlite::memory:` for a database in memory.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::from_str(url)?;
        make_private(options.get_filename());
        let options = options
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL with FULL: an acknowledged change survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            // Removed rows are overwritten with zeros, in the file and in the write-ahead log.
            .pragma("secure_delete", "ON")
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

    /// Returns the connection pool, which migrations use.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    async fn read(&self, statement: &Statement) -> Result<Vec<Rows>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(vec![run(&mut connection, statement).await?])
    }
}

/// Creates the file if it is missing, readable by its owner only, because it holds e-mail
/// addresses. SQLite gives its other files the same rights.
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
    // If this fails, SQLite reports the error.
    let _ = options.open(file);
}

/// Runs a batch that changes data. Such batches take turns.
async fn write(
    pool: SqlitePool,
    writer: Arc<Semaphore>,
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, sqlx::Error> {
    let turn = tokio::time::timeout(BUSY_TIMEOUT, writer.acquire())
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)?;
    let _turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
    // Immediate, because a batch that starts with a read could otherwise find the lock taken later.
    transact(pool, "BEGIN IMMEDIATE", statements).await
}

/// Runs the batch in a transaction, which `begin` begins.
///
/// The transaction is begun and ended by hand. SQLite ends it by itself on some errors, for example
/// on a full disk. A guard that counts the depth does not notice, and the pool would lose the
/// connection.
async fn transact(
    pool: SqlitePool,
    begin: &'static str,
    statements: Vec<Statement>,
) -> Result<Vec<Rows>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    connection.execute(begin).await?;
    let results = run_all(&mut connection, &statements).await;
    if results.is_err()
        && let Err(error) = connection.execute("ROLLBACK").await
        && !error.to_string().contains("no transaction is active")
    {
        // The state of the connection is unknown, so the pool must not use it again.
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
            // In a task of its own: a client that disconnects must not stop a batch halfway.
            several => {
                let pool = self.pool.clone();
                let batch = if several.iter().all(Statement::is_read) {
                    tokio::spawn(transact(pool, "BEGIN", statements))
                } else {
                    tokio::spawn(write(pool, Arc::clone(&self.writer), statements))
                };
                batch.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
            }
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
                Value::Blob(bytes) => query.bind(bytes.as_slice()),
            });
    connection.fetch_all(query).await?.iter().map(row).collect()
}

fn row(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let value = |index: usize| {
        let raw = row.try_get_raw(index)?;
        match raw.type_info().name() {
            _ if raw.is_null() => Ok(Value::Null),
            "TEXT" => row.try_get(index).map(Value::Text),
            "BLOB" => row.try_get(index).map(Value::Blob),
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
        sqlx::Error::Database(database) if database.is_foreign_key_violation() => {
            StoreError::Unavailable(text)
        }
        sqlx::Error::Database(_) if let Some(failed) = Precondition::in_message(&text) => {
            StoreError::Refused(failed)
        }
        sqlx::Error::Database(database) => {
            // The primary result code is the low byte of the extended one
            // (sqlite.org/rescode.html).
            let code = database
                .code()
                .and_then(|code| code.parse::<i32>().ok())
                .map(|code| code & 0xFF);
            // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN: temporary faults of
            // the machine.
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
