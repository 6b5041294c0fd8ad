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

/// Returns the error of a batch whose results do not match its statements.
fn wrong_count(statements: usize, results: usize) -> StoreError {
    StoreError::Broken(format!(
        "a batch of {statements} statements returned {results} results"
    ))
}
