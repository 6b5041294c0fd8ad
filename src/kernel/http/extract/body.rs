//! The extractor of JSON bodies, with a limit of their depth, and readers of lenient fields.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kernel::http::error::{ApiError, Code};

/// Returns true if the Content-Type is JSON. Parameters such as a charset are ignored.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    is(headers, "application/json")
}

/// Returns true if the Content-Type is a form.
#[must_use]
pub fn is_form(headers: &HeaderMap) -> bool {
    is(headers, "application/x-www-form-urlencoded")
}

fn is(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case(media_type)
}

/// The largest depth of a body. `serde_json` skips ignored fields without a limit of its own.
const MOST_NESTING: usize = 32;

/// Returns the largest depth of brackets outside of strings.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'{' | b'[') => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Reads the body as a text that is not nested too deeply.
///
/// # Errors
/// [`Code::MalformedJson`] for any other body.
pub async fn read_text<S: Send + Sync>(request: Request, state: &S) -> Result<String, ApiError> {
    let body = Bytes::from_request(request, state)
        .await
        .map_err(|rejection| ApiError::from_status(rejection.status()))?;
    if nesting(&body) > MOST_NESTING {
        return Err(ApiError::because(Code::MalformedJson, "nested too deeply"));
    }
    // serde_json does not check the encoding of fields that it skips, so the whole body is checked
    // here.
    String::from_utf8(body.into()).map_err(|_| Code::MalformedJson.into())
}

/// A JSON body of type `T`. As a response, JSON with status 200.
#[derive(Debug)]
pub struct AppJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for AppJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(Code::UnsupportedMediaType.into());
        }
        let body = read_text(request, state).await?;
        // Only objects are accepted, because serde would read a list by position. The derived
        // readers refuse repeated fields.
        if body.trim_ascii_start().starts_with('[') {
            return Err(ApiError::because(Code::InvalidBody, "a list"));
        }
        serde_json::from_str(&body).map(Self).map_err(|error| {
            let code = if error.is_data() {
                Code::InvalidBody
            } else {
                Code::MalformedJson
            };
            // The error's own text could repeat a value, so the log gets only the position.
            ApiError::because(
                code,
                format!("line {}, column {}", error.line(), error.column()),
            )
        })
    }
}

impl<T: Serialize> axum::response::IntoResponse for AppJson<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

/// Reads an optional text. An empty text counts as absent, because Apple sends `email: ""` on every
/// sign-in but the first.
///
/// # Errors
/// If the value is neither a text nor null.
pub fn absent_if_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// Reads a claim that should be a text. Claims are voluntary (`OpenID` Connect Core §5.1), so a
/// value of another type is no error. It is read as its JSON, which the caller checks like a text.
///
/// # Errors
/// If the value is no JSON.
pub fn text_claim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    })
}

/// Reads a claim that should be a text, and leaves out a value of another type.
///
/// # Errors
/// If the value is no JSON.
pub fn text_claim_only<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text).filter(|text| !text.is_empty()),
        _ => None,
    })
}

/// Reads a claim that should be a boolean. Some providers send it as a text. An empty text counts
/// as absent, and any other value as `false`.
///
/// # Errors
/// If the value is no JSON.
pub fn bool_claim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text == "true"),
        other => Some(other == Value::Bool(true)),
    })
}
