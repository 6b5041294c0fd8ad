//! Natively: a database and objects of channels between the use cases and the real ones.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hamrah_api::kernel::store::{Db, Rows, Statement, StoreError};
use hamrah_api::platform::native::channels::LocalChannels;
use hamrah_api::platform::native::sqlite::Sqlite;
use hamrah_api::relay::domain::Channels;
use hamrah_api::relay::model::channel::{ChannelReply, ChannelRequest};

use super::{Fault, FaultMode, ObjectFault, ObjectFaultMode, Stats};

/// A database between the use cases and SQLite. It counts and records every statement, and fails as
/// planned.
pub struct Between {
    inner: Sqlite,
    /// Whether rows written are counted.
    counts: bool,
    pub state: Mutex<State>,
}

impl Between {
    /// `counts`: whether rows written are counted.
    pub fn over(inner: Sqlite, counts: bool) -> Self {
        let state = Mutex::default();
        Self {
            inner,
            counts,
            state,
        }
    }

    /// Runs a batch and counts the rows that it wrote. The count is right if the database has one
    /// connection, as in memory.
    async fn counted(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        let total = async || {
            let query = sqlx::query_scalar("SELECT total_changes()");
            let total: Result<i64, _> = query.fetch_one(self.inner.pool()).await;
            total.ok().and_then(|total| usize::try_from(total).ok())
        };
        if !self.counts || statements.iter().all(Statement::is_read) {
            return self.inner.batch(statements).await;
        }
        let before = total().await;
        let results = self.inner.batch(statements).await;
        if let (Some(before), Some(after)) = (before, total().await) {
            let mut state = self.state.lock().expect("unpoisoned");
            let written = after.saturating_sub(before);
            state.stats.written += written;
            state.stats.most_written = state.stats.most_written.max(written);
        }
        results
    }
}

#[derive(Default)]
pub struct State {
    pub stats: Stats,
    pub faults: Vec<Fault>,
    pub seen: BTreeSet<&'static str>,
}

#[async_trait]
impl Db for Between {
    async fn batch(&self, mut statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        let fault = {
            let mut state = self.state.lock().expect("unpoisoned");
            let now = state.stats.batches;
            state.stats.batches += 1;
            state.stats.statements += statements.len();
            state
                .seen
                .extend(statements.iter().map(|statement| statement.sql));
            state.faults.iter().find(|fault| fault.at == now).cloned()
        };
        let Some(Fault { mode, message, .. }) = fault else {
            return self.counted(statements).await;
        };
        let failed = || StoreError::Unavailable(message.to_owned());
        match mode {
            FaultMode::Held => {
                while !self.state.lock().expect("unpoisoned").faults.is_empty() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                self.inner.batch(statements).await
            }
            FaultMode::Before => Err(failed()),
            FaultMode::After => self.inner.batch(statements).await.and(Err(failed())),
            FaultMode::Within(index) => {
                // A statement that fails while it runs: the batch must roll back whole.
                statements.insert(
                    index.min(statements.len()),
                    Statement {
                        sql: "SELECT json('{') AS broken",
                        params: Vec::new(),
                    },
                );
                // A batch with a single read is no transaction. The write makes it one.
                self.inner
                    .batch(statements)
                    .await
                    .and(Ok(()))
                    .expect_err("the broken statement fails");
                Err(failed())
            }
        }
    }
}

/// The objects of channels, which count calls and fail as planned.
pub struct ObjectsBetween {
    pub inner: LocalChannels,
    /// The database of all objects.
    db: Arc<Between>,
    state: Mutex<ObjectState>,
}

#[derive(Default)]
struct ObjectState {
    calls: usize,
    faults: Vec<ObjectFault>,
}

impl ObjectsBetween {
    pub fn over(inner: LocalChannels, db: Arc<Between>) -> Self {
        let state = Mutex::default();
        Self { inner, db, state }
    }

    /// Returns the number of rows that the objects wrote.
    pub fn rows(&self) -> usize {
        self.db.state.lock().expect("unpoisoned").stats.written
    }

    pub fn calls(&self) -> usize {
        self.state.lock().expect("unpoisoned").calls
    }

    pub fn plan(&self, faults: &[ObjectFault]) {
        let mut state = self.state.lock().expect("unpoisoned");
        let now = state.calls;
        let later = |fault: &ObjectFault| ObjectFault {
            at: fault.at + now,
            ..*fault
        };
        state.faults = faults.iter().map(later).collect();
    }

    fn next_fault(&self) -> Option<ObjectFaultMode> {
        let mut state = self.state.lock().expect("unpoisoned");
        let call = state.calls;
        state.calls += 1;
        ObjectFault::of(&state.faults, call)
    }
}

#[async_trait]
impl Channels for ObjectsBetween {
    async fn call(
        &self,
        object: &str,
        request: ChannelRequest,
    ) -> Result<ChannelReply, StoreError> {
        let lost = || StoreError::Unavailable("the object did not answer".to_owned());
        match self.next_fault() {
            None => self.inner.call(object, request).await,
            Some(ObjectFaultMode::After) => self.inner.call(object, request).await.and(Err(lost())),
            Some(ObjectFaultMode::Before | ObjectFaultMode::Unreachable) => Err(lost()),
        }
    }

    async fn remove_due(&self) -> Result<usize, StoreError> {
        self.inner.remove_due().await
    }
}
