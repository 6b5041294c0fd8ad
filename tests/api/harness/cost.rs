//! The use of the database.

use super::{Answer, Call, Stats, TestApp};

impl TestApp {
    /// Sends `call` and returns its use of the database.
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
        };
        (answer, spent)
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
