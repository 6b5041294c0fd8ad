//! The `Db` port over the database of a Durable Object: a batch is one transaction.
//!
//! Every call is synchronous, so a batch never waits, and no other event of the object runs between
//! two batches without I/O between them.

use async_trait::async_trait;
use js_sys::{Array, ArrayBuffer, Object, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use worker::State;
use worker::send::SendWrapper;

use crate::kernel::store::{Db, Row, Rows, Statement, StoreError, Value};
use crate::platform::worker::d1::{classify, values};

// The worker crate does not bind `transactionSync`, and its cursors throw through wasm.
#[wasm_bindgen]
extern "C" {
    /// The storage of an object.
    #[derive(Clone)]
    type ObjectStorage;
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &ObjectStorage,
        work: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn sql(this: &ObjectStorage) -> ObjectSql;

    /// The database of an object.
    type ObjectSql;
    #[wasm_bindgen(method, catch, variadic)]
    fn exec(this: &ObjectSql, text: &str, values: &Array) -> Result<Cursor, JsValue>;

    /// The rows of a statement.
    type Cursor;
    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &Cursor) -> Result<Array, JsValue>;
}

/// The database of a Durable Object.
pub(super) struct ObjectDatabase(SendWrapper<ObjectStorage>);

impl ObjectDatabase {
    /// Returns the database of the object with this state.
    pub(super) fn new(state: &State) -> Self {
        let storage: JsValue = state.storage().as_raw().into();
        Self(SendWrapper::new(storage.unchecked_into()))
    }

    fn run(&self, statements: &[Statement]) -> Result<Vec<Rows>, StoreError> {
        let sql = self.0.sql();
        let mut results = Vec::with_capacity(statements.len());
        let mut failed = None;
        let mut run_all = || {
            for statement in statements {
                let cursor = sql.exec(statement.sql, &values(&statement.params))?;
                match rows(&cursor.to_array()?) {
                    Ok(rows) => results.push(rows),
                    Err(error) => {
                        failed = Some(error);
                        return Err(JsValue::from_str("a row cannot be read"));
                    }
                }
            }
            Ok(JsValue::UNDEFINED)
        };
        // One statement is a transaction by itself. Two are one only here: an error of the second
        // would not undo the first.
        let done = if statements.len() == 1 {
            run_all()
        } else {
            self.0.transaction_sync(&mut run_all)
        };
        match (done, failed) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(classify(&error)),
            (Ok(_), None) => Ok(results),
        }
    }
}

/// Reads rows, which are objects of numbers, texts, blobs and nulls.
fn rows(found: &Array) -> Result<Rows, StoreError> {
    found.iter().map(|row| read(&row)).collect()
}

fn read(row: &JsValue) -> Result<Row, StoreError> {
    let columns = Object::entries(row.unchecked_ref());
    let column = |entry: JsValue| {
        let entry: Array = entry.unchecked_into();
        let name = entry.get(0).as_string().unwrap_or_default();
        Ok((name, value(&entry.get(1))?))
    };
    let columns: Result<Vec<(String, Value)>, StoreError> = columns.iter().map(column).collect();
    Ok(Row::new(columns?))
}

fn value(found: &JsValue) -> Result<Value, StoreError> {
    if found.is_null() {
        return Ok(Value::Null);
    }
    if let Some(text) = found.as_string() {
        return Ok(Value::Text(text));
    }
    #[allow(clippy::cast_possible_truncation, reason = "whole numbers below 2^53")]
    if let Some(number) = found.as_f64() {
        return Ok(Value::Integer(number as i64));
    }
    match found.dyn_ref::<ArrayBuffer>() {
        Some(buffer) => Ok(Value::Blob(Uint8Array::new(buffer).to_vec())),
        None => Err(StoreError::Broken(
            "a value is no number, text, blob or null".to_owned(),
        )),
    }
}

#[async_trait]
impl Db for ObjectDatabase {
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        self.run(&statements)
    }
}
