//! Bodies of requests to the relay. A refusal is 400 and names the field.

use std::ops::{Deref, DerefMut};

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use serde_json::Value;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::read_text;
use crate::relay::http::fields::{JsonFields, Members, UnfitField, is_name};

/// The fields of a JSON body. No body is the same as `{}`, and unknown fields are ignored.
#[derive(Debug)]
pub struct BodyFields(JsonFields);

impl Deref for BodyFields {
    type Target = JsonFields;

    fn deref(&self) -> &JsonFields {
        &self.0
    }
}

impl DerefMut for BodyFields {
    fn deref_mut(&mut self) -> &mut JsonFields {
        &mut self.0
    }
}

impl From<UnfitField> for ApiError {
    fn from(unfit: UnfitField) -> Self {
        invalid(unfit.0)
    }
}

impl<S: Send + Sync> FromRequest<S> for BodyFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let text = read_text(request, state).await?;
        if text.trim().is_empty() {
            return Ok(Self(JsonFields::default()));
        }
        let unfit = "The body must be a JSON object without a field twice.";
        match serde_json::from_str::<Members<Value>>(&text) {
            Ok(members) if members.twice.is_none() => Ok(Self(JsonFields(members.values))),
            Ok(_) => Err(invalid(unfit)),
            Err(error) if error.is_data() => Err(invalid(unfit)),
            Err(error) => Err(ApiError::because(
                Code::MalformedJson,
                format!("line {}, column {}", error.line(), error.column()),
            )),
        }
    }
}

/// Returns the error of a field that is not valid.
pub(super) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::detailed(Code::InvalidRequestBody, detail)
}

/// Reads an `Idempotency-Key`: 1 to 128 visible characters of ASCII.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .filter(|key| is_name(key))
        .map(Some)
        .ok_or_else(|| {
            ApiError::detailed(
                Code::BadRequest,
                "Idempotency-Key must be 1 to 128 visible characters of ASCII.",
            )
        })
}
