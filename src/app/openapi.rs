//! The description of the API (`OpenAPI` 3.1), generated from the handlers and the table of routes.
//!
//! `hamrah-api openapi` writes it to `openapi.json`, which is served. A test compares the two.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json gives null for what is not there"
)]

use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::app::routes::table;
use crate::kernel::http::error::Code;
use crate::kernel::http::respond::Problem;
use crate::kernel::http::route::{Access, ErrorForm, Facts};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hamrah-api",
        description = "Users, sessions and tokens. Every error is a problem document (RFC 9457) \
            with a stable `code`. A page that shows an account can name it in \
            `X-Expected-User: <user id>`. A request by another account then has no effect and \
            gets 409 `account_changed`."
    ),
    components(schemas(Problem)),
    modifiers(&Schemes)
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let Some(components) = openapi.components.as_mut() else {
            return;
        };
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        let cookie = ApiKeyValue::with_description(
            "session",
            "Its name is `__Host-session` unless a cookie domain is configured or the request \
             uses plain http on localhost.",
        );
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme(
            "token",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("token"))),
        );
        components.add_security_scheme(
            "internal_service",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Internal-Service"))),
        );
        components.add_security_scheme(
            "internal_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Internal-Key"))),
        );
    }
}

/// Returns the description: the handlers' own, and for every route the credentials and codes that
/// its declaration implies.
#[must_use]
pub fn document() -> Value {
    let table = table();
    let mut described = Api::openapi();
    for facts in &table {
        described.merge((facts.describe)());
    }

    let mut document = serde_json::to_value(described).unwrap_or_default();
    let paths = document["paths"].take();
    for facts in &table {
        let method = facts.method.as_str().to_lowercase();
        let mut operation = paths[facts.alias_of.unwrap_or(facts.path)][&method].clone();
        if !operation.is_null() {
            complete(&mut operation, facts);
            document["paths"][facts.path][&method] = operation;
        }
    }
    document["components"]["headers"]["RetryAfter"] = json!({
        "description": "Seconds after which it may be tried again.",
        "schema": {"type": "integer", "minimum": 1},
    });
    join_lines(&mut document);
    // The features that other crates ask of serde_json must not change the order.
    document.sort_all_objects();
    document
}

/// Joins the lines of every paragraph of every summary and description, so that the description
/// does not depend on where the source breaks its comments.
fn join_lines(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(join_lines),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" || name == "summary" => {
                        *text = joined(text);
                    }
                    member => join_lines(member),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns `text` with one line for each paragraph, heading and item of a list.
fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut previous = "";
    for line in text.lines() {
        let continues = !previous.is_empty()
            && !previous.starts_with('#')
            && !line.is_empty()
            && !line.starts_with(['#', '-', '|']);
        if continues {
            joined.push(' ');
        } else if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(line);
        previous = line;
    }
    joined
}

/// Adds to an operation the facts about its route.
fn complete(operation: &mut Value, facts: &Facts) {
    if let Some(summary) = operation["summary"].as_str() {
        // The first line of a handler's doc comment begins with the route.
        let text = summary.split_once("`: ").map_or(summary, |(_, text)| text);
        operation["summary"] = json!(text);
    }
    if let Some(path) = facts.alias_of {
        let name = facts.path.trim_matches('/').replace(['{', '}'], "");
        operation["operationId"] = json!(name.replace('/', "_"));
        operation["summary"] = json!(format!("another name for {path}"));
    }
    // A handler whose credentials are optional names them itself.
    if operation.get("security").is_none()
        && let Some(credentials) = security(facts.access)
    {
        operation["security"] = credentials;
    }

    let given = codes(operation, facts);
    for status in [
        400, 401, 403, 404, 408, 409, 413, 415, 422, 426, 429, 500, 501, 503,
    ] {
        let codes: Vec<_> = Code::ALL
            .iter()
            .filter(|code| code.status().as_u16() == status && given.contains(code))
            .map(|code| format!("`{}`", code.as_str()))
            .collect();
        if codes.is_empty() {
            continue;
        }
        operation["responses"][status.to_string()] = json!({
            "description": codes.join(", "),
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
            }},
        });
        if matches!(status, 429 | 503) {
            operation["responses"][status.to_string()]["headers"] =
                json!({"Retry-After": {"$ref": "#/components/headers/RetryAfter"}});
        }
    }
}

/// Returns the credentials that a route demands, if it demands any.
fn security(access: Access) -> Option<Value> {
    match access {
        Access::Anyone => None,
        Access::SignedIn | Access::RecentlySignedIn => {
            Some(json!([{"bearer": []}, {"cookie": []}]))
        }
        Access::Session => Some(json!([{"cookie": []}, {"bearer": []}])),
        Access::Service => Some(json!([{"internal_service": [], "internal_key": []}])),
        Access::Token => Some(json!([{"token": []}])),
    }
}

/// Returns the codes that a route can answer: its own, its group's, and those that its access, its
/// method and its parameters imply.
fn codes(operation: &Value, facts: &Facts) -> Vec<Code> {
    let mut codes = vec![Code::Internal];
    codes.extend(facts.codes);
    codes.extend(facts.group_codes);

    let has_body = !operation["requestBody"].is_null();
    if has_body {
        codes.extend([Code::BodyTooLarge, Code::RequestTimeout]);
    }
    match facts.errors {
        ErrorForm::Flat if has_body => codes.push(Code::InvalidRequestBody),
        ErrorForm::Flat => {}
        ErrorForm::Problem => {
            if has_body {
                codes.extend([Code::MalformedJson, Code::InvalidBody]);
            }
            if has_body || !operation["parameters"].is_null() {
                codes.push(Code::BadRequest);
            }
            if !facts.method.is_safe() {
                codes.push(Code::Conflict);
            }
        }
    }
    if !facts.method.is_safe() {
        codes.push(Code::UnsupportedMediaType);
        if facts.access != Access::Service {
            codes.push(Code::CrossSiteRequest);
        }
    }
    if facts.limit.is_some() {
        codes.push(Code::RateLimited);
    }

    match facts.access {
        Access::Anyone => {}
        Access::SignedIn | Access::Session | Access::RecentlySignedIn => {
            codes.extend([
                Code::MultipleCredentials,
                Code::TokenInQuery,
                Code::AuthenticationRequired,
                Code::InvalidToken,
                Code::AccountChanged,
                Code::AppAttestRequired,
                Code::AppAttestFailed,
                Code::TooManyAttestKeys,
            ]);
            if !facts.method.is_safe() {
                codes.push(Code::CsrfTokenRequired);
            }
            if !facts.open_to_recovery {
                codes.push(Code::RecoveryIncomplete);
            }
            if facts.access == Access::RecentlySignedIn {
                codes.push(Code::ReauthenticationRequired);
            }
        }
        Access::Service => codes.extend([Code::InternalKeyRequired, Code::BrowserRequest]),
        Access::Token => codes.extend([
            Code::MissingTokenHeader,
            Code::InvalidToken,
            Code::ExpiredToken,
        ]),
    }
    codes
}
