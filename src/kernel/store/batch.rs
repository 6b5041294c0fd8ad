//! Batches with results by name: each statement is paired with its rows by the compiler, not by a counted position.

use super::{Db, Row, Rows, Statement, StoreError};

/// Runs `statements` in one batch and returns the rows of each, in the same order.
///
/// Take the result apart with a pattern: `let [user, session] = batch(db, [select_user, select_session]).await?`.
///
/// # Errors
/// [`StoreError`], also if the adapter returns another number of results than of statements.
pub(crate) async fn batch<const N: usize>(
    db: &dyn Db,
    statements: [Statement; N],
) -> Result<[Rows; N], StoreError> {
    let results = db.batch(statements.into()).await?;
    <[Rows; N]>::try_from(results).map_err(|results| wrong_count(N, results.len()))
}

fn wrong_count(statements: usize, results: usize) -> StoreError {
    StoreError::Broken(format!(
        "a batch of {statements} statements returned {results} results"
    ))
}

/// Statements that run in one batch, for batches of which some statements are optional.
#[derive(Debug, Default)]
pub(crate) struct Batch(Vec<Statement>);

/// A statement of a [`Batch`], by which [`BatchResults::rows`] finds its rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position(usize);

impl Batch {
    /// Appends a statement and returns its position.
    pub(crate) fn add(&mut self, statement: Statement) -> Position {
        self.0.push(statement);
        Position(self.0.len() - 1)
    }

    /// Appends statements that return no rows, or rows that the caller does not read.
    pub(crate) fn extend(&mut self, statements: impl IntoIterator<Item = Statement>) {
        self.0.extend(statements);
    }

    /// Runs the statements in order.
    ///
    /// # Errors
    /// [`StoreError`], also if the adapter returns another number of results than of statements.
    pub(crate) async fn run(self, db: &dyn Db) -> Result<BatchResults, StoreError> {
        let count = self.0.len();
        let results = db.batch(self.0).await?;
        if results.len() == count {
            Ok(BatchResults(results))
        } else {
            Err(wrong_count(count, results.len()))
        }
    }
}

/// The rows of every statement of a [`Batch`].
#[derive(Debug)]
pub(crate) struct BatchResults(Vec<Rows>);

impl BatchResults {
    /// Returns the rows of the statement at `position`.
    pub(crate) fn rows(&self, position: Position) -> &[Row] {
        self.0.get(position.0).map_or(&[], Vec::as_slice)
    }
}

/// Reads the first row, if there is one.
///
/// # Errors
/// [`StoreError::Broken`] if the row cannot be read as a `T`.
pub(crate) fn first<'a, T>(rows: &'a [Row]) -> Result<Option<T>, StoreError>
where
    T: TryFrom<&'a Row, Error = StoreError>,
{
    rows.first().map(T::try_from).transpose()
}

/// Reads every row.
///
/// # Errors
/// [`StoreError::Broken`] if a row cannot be read as a `T`.
pub(crate) fn all<'a, T>(rows: &'a [Row]) -> Result<Vec<T>, StoreError>
where
    T: TryFrom<&'a Row, Error = StoreError>,
{
    rows.iter().map(T::try_from).collect()
}
