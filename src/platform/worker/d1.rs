//! The `Db` port over D1: a batch is one round trip and atomic.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use wasm_bindgen::JsCast;
use worker::send::SendFuture;
use worker::{D1Database, D1PreparedStatement, D1Type, Delay};

use crate::store::{Db, Row, Rows, Statement, StoreError, Value};

/// What D1 says when the fault is ours and not passing. Everything else may be: overload, a reset, a lost connection, a time-out.
const OURS: [&str; 10] = [
    "no such table",
    "no such column",
    "syntax error",
    "constraint failed",
    "SQLITE_ERROR",
    "SQLITE_CONSTRAINT",
    "SQLITE_MISMATCH",
    "malformed JSON",
    "Wrong number of parameter",
    "too many SQL variables",
];

/// How long the database may take: longer than any statement of ours needs, shorter than clients wait.
const PATIENCE: Duration = Duration::from_secs(8);
/// How much of an error's text is kept for the log.
const MESSAGE_CHARS: usize = 300;

/// A D1 database.
pub(super) struct D1(D1Database);

impl D1 {
    pub(super) fn new(database: D1Database) -> Self {
        Self(database)
    }

    fn prepare(&self, statement: &Statement) -> Result<D1PreparedStatement, StoreError> {
        // Integers go as numbers: D1's own integer type has 32 bits.
        #[allow(clippy::cast_precision_loss, reason = "values stay below 2^53")]
        let bound: Vec<D1Type<'_>> = statement
            .params
            .iter()
            .map(|value| match value {
                Value::Null => D1Type::Null,
                Value::Integer(integer) => D1Type::Real(*integer as f64),
                Value::Text(text) => D1Type::Text(text),
            })
            .collect();
        let prepared = self.0.prepare(statement.sql);
        if bound.is_empty() { Ok(prepared) } else { prepared.bind_refs(&bound).map_err(|error| classify(&error)) }
    }

    async fn run(&self, statements: &[Statement]) -> Result<Vec<Rows>, StoreError> {
        let prepared = statements.iter().map(|statement| self.prepare(statement)).collect::<Result<Vec<_>, _>>()?;
        let results = self.0.batch(prepared).await.map_err(|error| classify(&error))?;
        results
            .into_iter()
            .map(|result| {
                if let Some(error) = result.error() {
                    return Err(classify(&worker::Error::RustError(error)));
                }
                let rows = result.results::<serde_json::Map<String, serde_json::Value>>();
                rows.map_err(|error| StoreError::Broken(error.to_string()))?.into_iter().map(row).collect()
            })
            .collect()
    }
}

#[async_trait]
impl Db for D1 {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        // JavaScript's promises are not Send; the Worker has one thread.
        SendFuture::new(async {
            let (run, patience) = (pin!(self.run(&statements)), pin!(Delay::from(PATIENCE)));
            match select(run, patience).await {
                Either::Left((results, _)) => results,
                // It may still take effect: like every answer that is lost.
                Either::Right(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
            }
        })
        .await
    }
}

fn row(columns: serde_json::Map<String, serde_json::Value>) -> Result<Row, StoreError> {
    let value = |value| match value {
        serde_json::Value::Null => Ok(Value::Null),
        serde_json::Value::String(text) => Ok(Value::Text(text)),
        #[allow(clippy::cast_possible_truncation, reason = "whole numbers below 2^53")]
        serde_json::Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0).map(|f| f as i64))
            .map(Value::Integer)
            .ok_or_else(|| StoreError::Broken("a number that is no integer".to_owned())),
        _ => Err(StoreError::Broken("a value of a type that the schema does not use".to_owned())),
    };
    columns.into_iter().map(|(name, column)| Ok((name, value(column)?))).collect::<Result<Vec<_>, StoreError>>().map(Row::new)
}

/// D1's errors arrive as text, on several lines; some name their cause, some are all there is.
fn classify(error: &worker::Error) -> StoreError {
    let message = match error {
        worker::Error::D1(error) => {
            let thrown: &js_sys::Error = error.as_ref();
            let cause = thrown.cause().dyn_into::<js_sys::Error>().map(|cause| String::from(cause.message())).unwrap_or_default();
            format!("{} {cause}", String::from(thrown.message()))
        }
        other => other.to_string(),
    };
    let line: String = message.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MESSAGE_CHARS).collect();
    if message.contains("UNIQUE constraint failed") {
        StoreError::Conflict(line)
    } else if OURS.iter().any(|ours| message.contains(ours)) {
        StoreError::Broken(line)
    } else {
        StoreError::Unavailable(line)
    }
}
