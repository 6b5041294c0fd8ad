//! The `Db` port over D1: a batch is one round trip and atomic.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use js_sys::{Array, JSON, Promise, Reflect, Uint8Array};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::send::{SendFuture, SendWrapper};
use worker::{Delay, Env};

use crate::kernel::store::{Db, Precondition, Row, Rows, Statement, StoreError, Value};
use crate::platform::worker::binding::{Database, Prepared};
use crate::platform::worker::replicas::ReplicaSession;

/// Parts of D1's error messages that name a fault of this service.
///
/// Every other error may be temporary: overload, a reset, a lost connection or a time-out.
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

/// How long a batch may take. Longer than every statement of this service needs, and shorter than
/// clients wait.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many characters of an error message the log keeps.
const MESSAGE_CHARS: usize = 300;

/// A D1 database.
pub(super) struct D1 {
    database: SendWrapper<Database>,
    /// Prepared statements by the address and length of their literal text, so that each text
    /// crosses to JavaScript once.
    prepared: SendWrapper<RefCell<HashMap<(usize, usize), Prepared>>>,
}

impl D1 {
    /// Returns the database behind the binding `name`, or `None` if there is no such binding.
    pub(super) fn new(env: &Env, name: &str) -> Option<Self> {
        // Fails for a binding that is not a D1 database.
        env.d1(name).ok()?;
        let database = Reflect::get(env, &name.into()).ok()?.unchecked_into();
        Some(Self {
            database: SendWrapper::new(database),
            prepared: SendWrapper::new(RefCell::default()),
        })
    }

    /// Returns the prepared statement for a text. Each text is prepared once.
    fn prepared(&self, sql: &'static str) -> Result<Prepared, JsValue> {
        let mut prepared = self.prepared.borrow_mut();
        match prepared.entry((sql.as_ptr().addr(), sql.len())) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(free) => Ok(free.insert(self.database.prepare(sql)?).clone()),
        }
    }

    fn begin(&self, statements: &[Statement]) -> Result<Promise, JsValue> {
        let session = match ReplicaSession::current() {
            Some(session) => session.open(&self.database, statements)?,
            None => None,
        };
        let batch = Array::new();
        for statement in statements {
            let prepared = match &session {
                Some(session) => session.prepare(statement.sql)?,
                None => self.prepared(statement.sql)?,
            };
            batch.push(prepared.bind(&values(&statement.params))?.as_ref());
        }
        session.as_ref().unwrap_or(&self.database).batch(&batch)
    }

    async fn run(&self, statements: &[Statement]) -> Result<Vec<Rows>, StoreError> {
        let promise = self.begin(statements).map_err(|error| classify(&error))?;
        let results: Array = JsFuture::from(promise)
            .await
            .map_err(|error| classify(&error))?
            .unchecked_into();
        results.iter().map(|result| rows(&result)).collect()
    }
}

pub(super) fn values(params: &[Value]) -> Array {
    let values = Array::new_with_length(u32::try_from(params.len()).unwrap_or(u32::MAX));
    for (index, value) in (0..).zip(params) {
        values.set(
            index,
            match value {
                Value::Null => JsValue::NULL,
                // Integers go as numbers: D1's own integer type has 32 bits.
                #[allow(clippy::cast_precision_loss, reason = "values stay below 2^53")]
                Value::Integer(integer) => JsValue::from_f64(*integer as f64),
                Value::Text(text) => JsValue::from_str(text),
                Value::Blob(bytes) => Uint8Array::from(bytes.as_slice()).into(),
            },
        );
    }
    values
}

/// Returns the rows of one result.
fn rows(result: &JsValue) -> Result<Rows, StoreError> {
    let member = |name: &str| Reflect::get(result, &name.into()).unwrap_or(JsValue::UNDEFINED);
    if let Some(error) = member("error").as_string() {
        return Err(classify(&js_sys::Error::new(&error)));
    }
    let found = member("results");
    if found.is_falsy() || found.unchecked_ref::<Array>().length() == 0 {
        return Ok(Rows::new());
    }
    let broken =
        || StoreError::Broken("a result is not a list of rows of numbers and texts".to_owned());
    let json: String = JSON::stringify(&found).map_err(|_| broken())?.into();
    let read: Vec<Read> = serde_json::from_str(&json).map_err(|_| broken())?;
    Ok(read.into_iter().map(|Read(row)| row).collect())
}

#[async_trait]
impl Db for D1 {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        // D1 returns a blob as a list of numbers, which costs several times its bytes.
        let mut params = statements.iter().flat_map(|statement| &statement.params);
        if params.any(|value| matches!(value, Value::Blob(_))) {
            return Err(StoreError::Broken("D1 gets no blobs".to_owned()));
        }
        // Promises of JavaScript are not Send, but the Worker has one thread.
        SendFuture::new(async {
            let (run, patience) = (pin!(self.run(&statements)), pin!(Delay::from(PATIENCE)));
            match select(run, patience).await {
                Either::Left((results, _)) => results,
                // The batch may still take effect, as with every lost response.
                Either::Right(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
            }
        })
        .await
    }
}

/// A row as D1 returns it: an object of numbers, texts and nulls.
struct Read(Row);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Columns)
    }
}

struct Columns;

impl<'de> Visitor<'de> for Columns {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut columns: A) -> Result<Read, A::Error> {
        let mut row = Vec::with_capacity(columns.size_hint().unwrap_or(24));
        while let Some((name, Column(value))) = columns.next_entry::<String, Column>()? {
            row.push((name, value));
        }
        Ok(Read(Row::new(row)))
    }
}

struct Column(Value);

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneColumn)
    }
}

struct OneColumn;

impl Visitor<'_> for OneColumn {
    type Value = Column;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a text, or a whole number below 2^53")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Column, E> {
        Ok(Column(Value::Null))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Column, E> {
        Ok(Column(Value::Integer(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Column, E> {
        i64::try_from(number)
            .map(|number| Column(Value::Integer(number)))
            .map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Column, E> {
        Ok(Column(Value::Text(text.to_owned())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Column, E> {
        Ok(Column(Value::Text(text)))
    }
}

/// Returns the message of a D1 error. Messages have several lines, and some name a cause.
pub(super) fn classify(error: &JsValue) -> StoreError {
    let message = match error.dyn_ref::<js_sys::Error>() {
        Some(thrown) => {
            let cause = thrown
                .cause()
                .dyn_into::<js_sys::Error>()
                .map(|cause| String::from(cause.message()))
                .unwrap_or_default();
            format!("{} {cause}", String::from(thrown.message()))
        }
        None => error
            .as_string()
            .unwrap_or_else(|| "JavaScript threw a value that is not an Error".to_owned()),
    };
    let line: String = message
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MESSAGE_CHARS)
        .collect();
    if message.contains("UNIQUE constraint failed") {
        StoreError::Conflict(line)
    } else if message.contains("FOREIGN KEY constraint failed") {
        StoreError::Unavailable(line)
    } else if let Some(failed) = Precondition::in_message(&message) {
        StoreError::Refused(failed)
    } else if OURS.iter().any(|ours| message.contains(ours)) {
        StoreError::Broken(line)
    } else {
        StoreError::Unavailable(line)
    }
}
