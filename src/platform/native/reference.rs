//! Writes the API reference as one HTML page, from the OpenAPI description. The page has no script
//! and loads nothing from another host.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json returns null for a missing member"
)]

use std::fmt::Write;

use serde_json::Value;

use crate::kernel::http::error::Code;

/// Returns the HTML page for an OpenAPI description.
#[must_use]
pub fn html(document: &Value) -> String {
    let mut page = String::from(concat!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        "<title>hamrah-api reference</title>\n",
        "<link rel=\"stylesheet\" href=\"/docs.css\">\n",
        "</head>\n<body>\n<main>\n<h1>hamrah-api</h1>\n",
    ));
    let _ = writeln!(
        page,
        "<p>{} The same for machines: <a href=\"/openapi.json\">openapi.json</a>.</p>",
        text(&document["info"]["description"])
    );
    let operations = operations(document);
    page.push_str("<nav aria-label=\"Endpoints\">\n<ul>\n");
    for (method, path, _) in &operations {
        let _ = writeln!(
            page,
            "<li><a href=\"#{}\"><code>{method} {}</code></a></li>",
            anchor(method, path),
            escape(path)
        );
    }
    page.push_str(concat!(
        "<li><a href=\"#errors\">Errors</a></li>\n",
        "<li><a href=\"#objects\">Objects</a></li>\n</ul>\n</nav>\n",
    ));
    for (method, path, operation) in &operations {
        operation_section(&mut page, method, path, operation);
    }
    errors(&mut page);
    page.push_str("<section id=\"objects\">\n<h2>Objects</h2>\n");
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        object(&mut page, name, schema);
    }
    page.push_str("</section>\n</main>\n</body>\n</html>\n");
    page
}

fn operations(document: &Value) -> Vec<(String, &String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            item.as_object()
                .into_iter()
                .flatten()
                .map(move |(method, operation)| (method.to_uppercase(), path, operation))
        })
        .collect()
}

fn operation_section(page: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = writeln!(
        page,
        "<section id=\"{}\">\n<h2><code>{method} {}</code></h2>",
        anchor(method, path),
        escape(path)
    );
    let summary = text(&operation["summary"]);
    let _ = writeln!(
        page,
        "<p>{}.</p>",
        first_upper(summary.trim_end_matches('.'))
    );
    if !operation["description"].is_null() {
        let description = text(&operation["description"]);
        let (said, fails) = description
            .split_once("# Errors")
            .unwrap_or((&description, ""));
        for (label, part) in [("", said.trim()), ("Fails: ", fails.trim())]
            .into_iter()
            .filter(|(_, part)| !part.is_empty())
        {
            let _ = writeln!(page, "<p>{label}{part}</p>");
        }
    }
    let _ = writeln!(
        page,
        "<p>Who may call: {}.</p>",
        callers(&operation["security"])
    );
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = writeln!(page, "<p>Takes {}.</p>", kind(body));
    }
    page.push_str("<ul>\n");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let content = response["content"].as_object().into_iter().flatten().next();
        let gives = content
            .map(|(_, content)| kind(&content["schema"]))
            .unwrap_or_default();
        let _ = writeln!(
            page,
            "<li><strong>{status}</strong> {gives} {}</li>",
            text(&response["description"])
        );
    }
    page.push_str("</ul>\n</section>\n");
}

fn callers(security: &Value) -> String {
    let names = |entry: &Value| {
        entry
            .as_object()
            .map(|names| names.keys().cloned().collect::<Vec<_>>().join(" and "))
            .unwrap_or_default()
    };
    let ways: Vec<String> = security
        .as_array()
        .into_iter()
        .flatten()
        .map(names)
        .collect();
    if ways.is_empty() {
        return "any caller".to_owned();
    }
    let said = ways.iter().map(|way| {
        if way.is_empty() {
            "any caller".to_owned()
        } else {
            format!("with {way}")
        }
    });
    said.collect::<Vec<_>>().join(", or ").replace('_', " ")
}

fn errors(page: &mut String) {
    page.push_str(concat!(
        "<section id=\"errors\">\n<h2>Errors</h2>\n<table>\n<thead><tr>",
        "<th scope=\"col\">Code</th><th scope=\"col\">Status</th><th scope=\"col\">Meaning</th>",
        "</tr></thead>\n<tbody>\n",
    ));
    for code in Code::ALL {
        let name = code.as_str();
        let _ = writeln!(
            page,
            "<tr id=\"error-{name}\"><td><code>{name}</code></td><td>{}</td><td>{}</td></tr>",
            code.status().as_u16(),
            escape(code.detail())
        );
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
}

fn object(page: &mut String, name: &str, schema: &Value) {
    let _ = writeln!(
        page,
        "<h3 id=\"object-{name}\">{name}</h3>\n<p>{}</p>\n<dl>",
        text(&schema["description"])
    );
    match schema["allOf"].as_array() {
        Some(parts) => parts.iter().for_each(|part| fields(page, part)),
        None => fields(page, schema),
    }
    page.push_str("</dl>\n");
}

/// Writes the fields of a schema. A schema that refers to another names that object.
fn fields(page: &mut String, schema: &Value) {
    if schema["$ref"].is_string() {
        let _ = writeln!(
            page,
            "<dt>{}</dt>\n<dd>The fields of this object.</dd>",
            kind(schema)
        );
    }
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let optional = if required.contains(&field.as_str()) {
            ""
        } else {
            ", optional"
        };
        let _ = writeln!(
            page,
            "<dt><code>{field}</code> {}{optional}</dt>\n<dd>{}</dd>",
            kind(property),
            text(&property["description"])
        );
    }
}

/// Returns one or two words that describe a schema.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("<a href=\"#object-{name}\">{name}</a>");
    }
    if let Some(any) = schema["oneOf"]
        .as_array()
        .or_else(|| schema["anyOf"].as_array())
    {
        return any.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        Value::String(array) if array == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(one) => schema["format"]
            .as_str()
            .map_or_else(|| one.clone(), |format| format!("{one} ({format})")),
        _ => String::new(),
    }
}

fn anchor(method: &str, path: &str) -> String {
    let path: String = path
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{}{path}", method.to_lowercase())
}

fn text(value: &Value) -> String {
    let escaped = escape(value.as_str().unwrap_or_default());
    // Code between backticks.
    let mut parts = escaped.split('`');
    let mut written = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        written.push_str(if index % 2 == 0 { "<code>" } else { "</code>" });
        written.push_str(part);
    }
    written
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
