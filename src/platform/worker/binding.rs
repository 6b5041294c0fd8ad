//! The D1 binding of the Workers runtime, as far as this crate uses it.
//!
//! The `worker` crate's own type reads rows column by column, and each column costs several calls
//! from wasm to JavaScript. Here a result is read as one JSON text.

use js_sys::{Array, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// A D1 database, or a session of one.
    #[derive(Clone)]
    pub(super) type Database;
    #[wasm_bindgen(method, catch)]
    pub(super) fn prepare(this: &Database, sql: &str) -> Result<Prepared, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn batch(this: &Database, statements: &Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = withSession)]
    pub(super) fn with_session(this: &Database, from: &str) -> Result<Database, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getBookmark)]
    pub(super) fn get_bookmark(this: &Database) -> Result<Option<String>, JsValue>;

    /// A prepared statement.
    #[derive(Clone)]
    pub(super) type Prepared;
    #[wasm_bindgen(method, catch, variadic)]
    pub(super) fn bind(this: &Prepared, values: &Array) -> Result<Prepared, JsValue>;
}
