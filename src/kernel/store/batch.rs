//! Batches with results by name: each statement is paired with its rows by the compiler, not by a
//! counted position.

use super::{Db, Rows, Statement, StoreError};

/// Runs `statements` in one batch and returns the rows of each, in the same order.
///
/// Take the result apart with a pattern:
/// `let [user, session] = batch(db, [select_user, select_session]).await?`.
///
/// # Errors
/// [`StoreError`], even if the adapter returns another number of results than of statements.
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
/// [`StoreError`], even if the adapter returns another number of results than of statements.
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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures_util::FutureExt;

    use super::*;
    use crate::kernel::store::{Row, Value, sql};

    /// A database that returns a row with the text of each statement, for at most `most` of them.
    struct Echo {
        most: usize,
    }

    #[async_trait]
    impl Db for Echo {
        async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
            let row = |statement: Statement| {
                vec![Row::new(vec![("sql".to_owned(), statement.sql.into())])]
            };
            Ok(statements.into_iter().take(self.most).map(row).collect())
        }
    }

    /// Returns the result of a future that never waits, so that the layer needs no runtime.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("`Echo` never waits")
    }

    fn texts(results: &[Rows]) -> Vec<Value> {
        let rows = results.iter().flatten();
        rows.flat_map(|row| row.columns().iter().map(|(_, value)| value.clone()))
            .collect()
    }

    #[test]
    fn results_are_paired_with_their_statements() {
        let db = Echo { most: 9 };
        let results = now(batch(&db, ["a", "b"].map(|text| sql(text, []))));
        assert_eq!(texts(&results.expect("rows")), ["a", "b"].map(Value::from));

        for writes in [Vec::new(), vec![sql("w", []), sql("w", [])]] {
            let last = ["b", "c"].map(|text| sql(text, []));
            let around = now(batch_around(&db, [sql("a", [])], writes, last));
            let (first, last) = around.expect("rows");
            assert_eq!(texts(&first), [Value::from("a")]);
            assert_eq!(texts(&last), ["b", "c"].map(Value::from));
        }
    }

    #[test]
    fn a_missing_result_is_a_fault() {
        let db = Echo { most: 2 };
        let three = || ["a", "b", "c"].map(|text| sql(text, []));
        let results = now(batch(&db, three()));
        assert!(matches!(results, Err(StoreError::Broken(_))), "{results:?}");

        let around = now(batch_around(&db, [], vec![sql("w", [])], three()));
        let around = around.map(|([], last)| last);
        assert!(matches!(around, Err(StoreError::Broken(_))), "{around:?}");
    }
}
