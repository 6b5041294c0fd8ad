//! Batches with results by name: each statement is paired with its rows by the compiler, not by a
//! counted position.

use super::{Db, Rows, Statement, StoreError};

/// Runs `statements` in one batch and returns the rows of each, in the same order.
///
/// Take the result apart with a pattern:
/// `let [user, session] = batch(db, [select_user, select_session]).await?`.
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

/// Runs `first`, `writes` and `last`, in this order, in one batch. Returns the rows of `first` and
/// of `last`. The number of `writes` may vary, because the caller does not need their rows.
///
/// # Errors
/// [`StoreError`], also if the adapter returns another number of results than of statements.
pub(crate) async fn batch_around<const FIRST: usize, const LAST: usize>(
    db: &dyn Db,
    first: [Statement; FIRST],
    writes: Vec<Statement>,
    last: [Statement; LAST],
) -> Result<([Rows; FIRST], [Rows; LAST]), StoreError> {
    let between = writes.len();
    let statements: Vec<Statement> = first.into_iter().chain(writes).chain(last).collect();
    let expected = statements.len();

    let results = db.batch(statements).await?;
    let actual = results.len();
    let mut results = results.into_iter();
    let first: Vec<Rows> = results.by_ref().take(FIRST).collect();
    let last: Vec<Rows> = results.skip(between).collect();
    match (first.try_into(), last.try_into()) {
        (Ok(first), Ok(last)) => Ok((first, last)),
        _ => Err(wrong_count(expected, actual)),
    }
}

/// Returns the error of a batch whose results do not match its statements.
fn wrong_count(statements: usize, results: usize) -> StoreError {
    StoreError::Broken(format!(
        "a batch of {statements} statements returned {results} results"
    ))
}
