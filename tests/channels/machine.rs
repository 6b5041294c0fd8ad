//! The object of a channel as a function: from the rows of its database and a request to the new
//! rows and the reply. A model checker asks for the same step many times, so steps are remembered.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::Ordering;

use hamrah_api::relay::domain::Channels;
use hamrah_api::relay::model::channel::{ChannelOperation, ChannelReply};
use sqlx::AssertSqlSafe;
use tokio::runtime::Runtime;

use crate::setup::Setup;

/// The rows of a database, as the statements that insert them.
type Rows = Vec<String>;

/// The number of the rows of a database.
pub type RowsId = usize;

const TABLES: [&str; 3] = ["channel_states", "channel_members", "channel_entries"];

/// A step of the object with its reply, from the rows of its database to the next ones.
#[derive(Clone, Debug)]
pub struct Taken<R> {
    pub rows: RowsId,
    pub reply: R,
}

/// A request to the object, or the removal of expired entries. `R` is how the model reads a reply.
pub trait Step<R>: Clone + Eq + Hash {
    /// Returns the request, or `None` for the removal of expired entries.
    fn request(&self) -> Option<ChannelOperation>;
    /// Reads the reply.
    fn read(&self, reply: Option<ChannelReply>) -> R;
}

/// The object, its known databases and its known steps.
pub struct Machine<S, R> {
    runtime: Runtime,
    setup: Setup,
    /// The queries that return the rows of each table as statements.
    queries: Vec<String>,
    databases: Vec<Rows>,
    ids: HashMap<Rows, RowsId>,
    steps: HashMap<(RowsId, i64, S), Taken<R>>,
}

impl<S: Step<R>, R: Clone> Machine<S, R> {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (setup, queries) = runtime.block_on(async {
            let setup = Setup::new().await;
            let mut queries = Vec::new();
            for table in TABLES {
                let columns = format!("SELECT name FROM pragma_table_info('{table}')");
                let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(columns))
                    .fetch_all(setup.db.pool())
                    .await
                    .expect("columns");
                let values: Vec<String> = columns
                    .iter()
                    .map(|name| format!("quote({name})"))
                    .collect();
                let row = values.join(" || ',' || ");
                let select = format!(
                    "SELECT 'INSERT INTO {table} ({}) VALUES (' || {row} || ')' FROM {table}
                      ORDER BY 1",
                    columns.join(", ")
                );
                queries.push(select);
            }
            (setup, queries)
        });
        Self {
            runtime,
            setup,
            queries,
            databases: Vec::new(),
            ids: HashMap::new(),
            steps: HashMap::new(),
        }
    }

    /// Returns the number of different steps that the object took.
    pub fn known(&self) -> usize {
        self.steps.len()
    }

    /// Returns the database after these requests, at the time 0.
    pub fn begin(&mut self, requests: Vec<ChannelOperation>) -> RowsId {
        self.load(&Rows::new());
        for request in requests {
            let reply = self.runtime.block_on(self.setup.call(request));
            assert_eq!(reply, ChannelReply::Done);
        }
        self.keep()
    }

    /// Returns the database after a step, and the reply.
    pub fn take(&mut self, rows: RowsId, now: i64, step: &S) -> Taken<R> {
        let key = (rows, now, step.clone());
        if let Some(known) = self.steps.get(&key) {
            return known.clone();
        }
        self.load(&self.databases[rows]);
        self.setup.clock.0.store(now, Ordering::Relaxed);
        let reply = self.runtime.block_on(async {
            if let Some(request) = step.request() {
                Some(self.setup.call(request).await)
            } else {
                self.setup.channels.remove_due().await.expect("sweeps");
                None
            }
        });
        let rows = self.keep();
        let taken = Taken {
            rows,
            reply: step.read(reply),
        };
        self.steps.insert(key, taken.clone());
        taken
    }

    /// Replaces the rows of the database.
    fn load(&self, rows: &Rows) {
        let deletions = TABLES.map(|table| format!("DELETE FROM {table}"));
        let all: Vec<String> = deletions.into_iter().chain(rows.iter().cloned()).collect();
        let script = AssertSqlSafe(all.join(";\n"));
        self.runtime
            .block_on(sqlx::raw_sql(script).execute(self.setup.db.pool()))
            .expect("loads");
    }

    /// Reads the rows of the database and returns their number.
    fn keep(&mut self) -> RowsId {
        let mut rows = Rows::new();
        for select in &self.queries {
            let query = sqlx::query_scalar(AssertSqlSafe(select.clone()));
            let found: Vec<String> = self
                .runtime
                .block_on(query.fetch_all(self.setup.db.pool()))
                .expect("rows");
            rows.extend(found);
        }
        if let Some(id) = self.ids.get(&rows) {
            return *id;
        }
        let id = self.databases.len();
        self.databases.push(rows.clone());
        self.ids.insert(rows, id);
        id
    }
}
