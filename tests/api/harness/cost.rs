//! The use of the database and of the objects of channels.

use super::{Answer, Call, TestApp};

/// The use of the database and of the objects of channels.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stats {
    pub batches: usize,
    pub statements: usize,
    pub rows_read: usize,
    /// The rows written. In workerd an entry of an index counts too.
    pub written: usize,
    /// The largest number of rows that one batch wrote. In workerd an entry of an index counts too.
    pub most_written: usize,
    /// The calls to the objects of channels. A repeated attempt does not count.
    pub calls: usize,
    /// The rows that objects wrote. In workerd an entry of an index counts too.
    pub object_rows: usize,
}

impl TestApp {
    /// Sends `call` and returns its use of the database and of objects.
    pub async fn cost(&self, call: Call<'_>) -> (Answer, Stats) {
        let before = self.target.stats().await;
        let answer = call.send().await;
        let after = self.target.stats().await;
        let spent = Stats {
            batches: after.batches - before.batches,
            statements: after.statements - before.statements,
            rows_read: after.rows_read - before.rows_read,
            written: after.written - before.written,
            most_written: after.most_written,
            calls: after.calls - before.calls,
            object_rows: after.object_rows - before.object_rows,
        };
        (answer, spent)
    }

    /// Returns the use so far.
    pub async fn stats(&self) -> Stats {
        self.target.stats().await
    }

    /// Returns the number of batches so far.
    pub async fn batches(&self) -> usize {
        self.target.stats().await.batches
    }

    /// Returns the largest number of rows that one batch wrote so far.
    pub async fn most_written(&self) -> usize {
        self.target.stats().await.most_written
    }
}
