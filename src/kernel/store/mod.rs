//! The `Db` port and the statements of the kernel.
//!
//! The port is one operation, because D1 has only that one: it runs statements atomically, in
//! order, and returns their rows. There are no transactions to open. Statements that belong
//! together go into one batch, and each statement carries its own guard.

mod batch;
#[macro_use]
mod fragments;
pub mod outbox;

pub(crate) use batch::batch;

use async_trait::async_trait;

use crate::kernel::model::ids::{ChallengeId, EventId, IdentityId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;

/// A value that goes into or comes out of the database. Bytes travel as base64url text, times as
/// integers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER, below 2^53 so that JavaScript can hold it.
    Integer(i64),
    /// TEXT.
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.millis())
    }
}

impl From<&TokenHash> for Value {
    fn from(value: &TokenHash) -> Self {
        Self::Text(value.as_str().to_owned())
    }
}

macro_rules! id_value {
    ($($id:ty),*) => {$(
        impl From<$id> for Value {
            fn from(value: $id) -> Self {
                Self::Text(value.to_string())
            }
        }
    )*};
}
id_value!(UserId, SessionId, EventId, IdentityId, ChallengeId);

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A literal SQL statement and what is bound to `?1`, `?2`, ….
#[derive(Clone, Debug)]
pub struct Statement {
    /// Literal SQL; nothing is ever formatted into it.
    pub sql: &'static str,
    /// Its parameters, at most 100 (D1's limit).
    pub params: Vec<Value>,
}

impl Statement {
    /// Whether the statement only reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.sql.trim_start().starts_with("SELECT")
    }
}

/// A statement from literal SQL and its parameters.
pub(crate) fn sql<const N: usize>(sql: &'static str, params: [Value; N]) -> Statement {
    Statement {
        sql,
        params: params.into(),
    }
}

/// One row: values by column name.
#[derive(Clone, Debug, Default)]
pub struct Row(Vec<(String, Value)>);

/// The rows that one statement gave.
pub type Rows = Vec<Row>;

impl Row {
    /// A row from its columns.
    #[must_use]
    pub fn new(columns: Vec<(String, Value)>) -> Self {
        Self(columns)
    }

    /// The columns in order.
    #[must_use]
    pub fn columns(&self) -> &[(String, Value)] {
        &self.0
    }

    fn get(&self, column: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(name, _)| name == column)
            .map(|(_, value)| value)
    }

    fn wrong(column: &str) -> StoreError {
        StoreError::Broken(format!("column {column} is missing or of another type"))
    }

    /// A TEXT column.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if it is missing, NULL or of another type; so for all of these.
    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        self.opt_text(column)?.ok_or_else(|| Self::wrong(column))
    }

    /// A TEXT column that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        match self.get(column) {
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(Value::Null) => Ok(None),
            _ => Err(Self::wrong(column)),
        }
    }

    /// An INTEGER column.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn integer(&self, column: &str) -> Result<i64, StoreError> {
        match self.get(column) {
            Some(Value::Integer(value)) => Ok(*value),
            _ => Err(Self::wrong(column)),
        }
    }

    /// An INTEGER column that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn opt_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.integer(column).map(Some),
        }
    }

    /// An INTEGER column that fits a smaller type.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn parsed_integer<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.integer(column)?).map_err(|_| Self::wrong(column))
    }

    /// A time.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.integer(column).map(Timestamp::from_millis)
    }

    /// A time that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_integer(column)?.map(Timestamp::from_millis))
    }

    /// A value that `parse` reads out of a TEXT column.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn parsed<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        parse(&self.text(column)?).ok_or_else(|| Self::wrong(column))
    }
}

/// Why the database did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A passing fault: nothing or everything happened; the same call may be repeated.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// A uniqueness constraint refused the batch; nothing happened.
    #[error("a uniqueness constraint failed: {0}")]
    Conflict(String),
    /// What the batch rests on does not hold, or not any more; nothing happened.
    #[error("a precondition failed: {0:?}")]
    Refused(Precondition),
    /// Our own fault: wrong SQL, a missing table, a row that cannot be.
    #[error("the database refused: {0}")]
    Broken(String),
}

/// What a batch can rest on: each is a constraint of the table `preconditions`
/// (docs/decisions/0030).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// Whoever asks is still signed in, and still may.
    Caller,
    /// What is changed is still as it was when it was looked at.
    Subject,
    /// Somebody administers the authorization service afterwards.
    Administrator,
}

impl Precondition {
    /// Which one an engine's message tells of.
    #[must_use]
    pub fn in_message(message: &str) -> Option<Self> {
        let (_, name) = message.split_once("precondition_")?;
        let named = [
            ("caller", Self::Caller),
            ("subject", Self::Subject),
            ("administrator", Self::Administrator),
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
    /// Runs `statements` atomically, in order; gives back the rows of each, so as many entries as
    /// statements. A statement that matches no row is no failure: later statements carry guards of
    /// their own.
    ///
    /// # Errors
    /// If any statement fails, none took effect, except that [`StoreError::Unavailable`] may hide a
    /// success whose answer was lost.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError>;
}

/// Runs one statement.
pub(crate) async fn run(db: &dyn Db, statement: Statement) -> Result<Rows, StoreError> {
    Ok(db
        .batch(vec![statement])
        .await?
        .into_iter()
        .next()
        .unwrap_or_default())
}

/// Rows that one statement of a sweep removes at most.
pub(crate) const CLEANUP_BATCH: i64 = 500;
/// Statements of one kind that a sweep runs at most: what is left waits for the next one.
const CLEANUP_ROUNDS: usize = 8;

/// Runs a sweep's statement until it finds fewer rows than the `most` it may; gives how many it
/// found.
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

/// Whether the database answers and has its tables.
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

/// The rows of statement `index` of a batch; none if the adapter gave fewer entries than it must.
pub(crate) fn rows(results: &[Rows], index: usize) -> &[Row] {
    results.get(index).map_or(&[], Vec::as_slice)
}
