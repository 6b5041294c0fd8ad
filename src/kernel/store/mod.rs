//! The `Db` port and the statements of the kernel.
//!
//! The port has one operation, because D1 offers only that one: it runs statements atomically and
//! in order, and returns their rows. There are no open transactions. Statements that belong
//! together go into one batch, and each statement carries its own guard.

mod batch;
pub mod outbox;
mod row;

use async_trait::async_trait;

pub(crate) use batch::{batch, batch_around};
pub use row::{Row, Rows, Value};
pub(crate) use row::{read_all, read_first};

/// A literal SQL statement and its parameters.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Literal SQL. Values are never formatted into it.
    pub sql: &'static str,
    /// The values of `?1`, `?2` and so on, at most 100 (D1's limit).
    pub params: Vec<Value>,
}

impl Statement {
    /// Returns true if the statement only reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.sql.trim_start().starts_with("SELECT")
    }
}

/// Returns a statement from literal SQL and its parameters.
pub(crate) fn sql<const N: usize>(sql: &'static str, params: [Value; N]) -> Statement {
    Statement {
        sql,
        params: params.into(),
    }
}

/// The reason why a batch failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A temporary fault. Either the whole batch took effect or none of it. The caller may repeat
    /// the call. A foreign key that fails is one too: a concurrent call deleted the row, which the
    /// repeated call sees.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// The batch violated a uniqueness constraint and had no effect.
    #[error("a uniqueness constraint failed: {0}")]
    Conflict(String),
    /// A precondition of the batch does not hold, or no longer holds. The batch had no effect.
    #[error("{}", .0.sentence())]
    Refused(Precondition),
    /// A fault of this program: wrong SQL, a missing table, an impossible row.
    #[error("the database refused: {0}")]
    Broken(String),
}

/// A precondition of a batch: a constraint of the table `preconditions` (docs/decisions/0030).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// The caller is still signed in, and still has the permission.
    Caller,
    /// The changed object is still in the state in which the use case read it.
    Subject,
    /// The authorization service still has an administrator after the change.
    Administrator,
    /// The owner of the account set every way to sign in to it.
    Owner,
    /// The change keeps within the quotas of the schema, which triggers enforce.
    Quota,
}

impl Precondition {
    /// Returns a sentence for operators.
    const fn sentence(self) -> &'static str {
        match self {
            Self::Caller => "a precondition failed: the caller",
            Self::Subject => "a precondition failed: the changed object",
            Self::Administrator => "a precondition failed: an administrator remains",
            Self::Owner => "a precondition failed: the owner of the account",
            Self::Quota => {
                "the change would exceed a quota (docs/LIMITS.md). Remove entries that are no \
                 longer needed first"
            }
        }
    }

    /// Finds the precondition that a database error message names.
    #[must_use]
    pub fn in_message(message: &str) -> Option<Self> {
        let (_, name) = message.split_once("precondition_")?;
        let named = [
            ("caller", Self::Caller),
            ("subject", Self::Subject),
            ("administrator", Self::Administrator),
            ("owner", Self::Owner),
            ("quota", Self::Quota),
        ];
        named
            .into_iter()
            .find(|(each, _)| name.starts_with(each))
            .map(|(_, precondition)| precondition)
    }
}

/// The database.
#[async_trait]
pub trait Db: Send + Sync {
    /// Runs `statements` atomically and in order. Returns the rows of each statement, so as many
    /// entries as statements. A statement that matches no row does not fail the batch, so later
    /// statements carry guards of their own.
    ///
    /// # Errors
    /// If a statement fails, the batch has no effect. [`StoreError::Unavailable`] is the exception:
    /// the batch may have succeeded although its answer was lost.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError>;
}

/// Runs one statement and returns its rows.
pub(crate) async fn run(db: &dyn Db, statement: Statement) -> Result<Rows, StoreError> {
    let [rows] = batch(db, [statement]).await?;
    Ok(rows)
}

/// The maximum number of rows that one statement of a cleanup removes.
pub(crate) const CLEANUP_BATCH: i64 = 500;
/// The maximum number of times that a cleanup repeats a statement. The remaining rows wait for the
/// next cleanup.
pub(crate) const CLEANUP_ROUNDS: usize = 8;

/// Repeats a statement of a cleanup until it returns fewer rows than `most`, the limit in the
/// statement. Returns the total number of rows.
pub(crate) async fn remove_in_batches(
    db: &dyn Db,
    statement: Statement,
    most: i64,
) -> Result<usize, StoreError> {
    let full = usize::try_from(most).unwrap_or(usize::MAX);
    let mut total = 0;
    for _ in 0..CLEANUP_ROUNDS {
        let found = run(db, statement.clone()).await?.len();
        total += found;
        if found < full {
            break;
        }
    }
    Ok(total)
}

/// Repeats a batch that removes a slice of a deletion, at most `rounds` times. The last statement
/// of a slice returns a row if nothing is left. Returns the number of removed rows, and the number
/// of rounds that were not needed.
pub(crate) async fn remove_in_slices<const N: usize>(
    db: &dyn Db,
    rounds: usize,
    slice: impl Fn() -> [Statement; N],
) -> Result<(usize, usize), StoreError> {
    let mut removed = 0;
    for round in 1..=rounds {
        let results = batch(db, slice()).await?;
        let Some((finished, slices)) = results.split_last() else {
            break;
        };
        removed += slices.iter().map(Vec::len).sum::<usize>();
        if !finished.is_empty() {
            return Ok((removed, rounds - round));
        }
    }
    Ok((removed, 0))
}

/// Checks that the database answers and has its tables.
///
/// # Errors
/// [`StoreError`] if it does not.
pub async fn ping(db: &dyn Db) -> Result<(), StoreError> {
    run(
        db,
        sql(
            "SELECT 1 AS one FROM (SELECT id FROM users LIMIT 1) LIMIT 1",
            [],
        ),
    )
    .await
    .map(drop)
}
