//! Log lines as JSON objects on the console, which Workers Logs indexes by field.

use std::fmt::{self, Write};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(line: &str);
    #[wasm_bindgen(js_namespace = console)]
    fn warn(line: &str);
    #[wasm_bindgen(js_namespace = console)]
    fn log(line: &str);
}

/// Sends log lines to the console. Call this once per isolate.
pub(super) fn install() {
    // Fails only if a subscriber is installed already.
    let _ = tracing::subscriber::set_global_default(Console);
}

/// Writes events. Spans are ignored because a request is one line.
struct Console;

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(format!("{{\"level\":\"{}\"", event.metadata().level()));
        event.record(&mut fields);
        fields.0.push('}');
        match *event.metadata().level() {
            Level::ERROR => error(&fields.0),
            Level::WARN => warn(&fields.0),
            _ => log(&fields.0),
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A JSON object under construction.
struct Fields(String);

impl Fields {
    fn add(&mut self, field: &Field, value: &impl Serialize) {
        if let (Ok(name), Ok(value)) = (
            serde_json::to_string(field.name()),
            serde_json::to_string(value),
        ) {
            let _ = write!(self.0, ",{name}:{value}");
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value);
    }
}
