//! Bodies of requests to the relay. A refusal is 400 and names the field.

use std::fmt;

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::read_text;
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;
use crate::relay::model::keys::{KeySignature, MessageKey};

/// The longest `Idempotency-Key` in bytes.
const MOST_KEY_BYTES: usize = 128;
/// The end of the last year that RFC 3339 can write, in milliseconds since 1970.
const LAST_MILLIS: i64 = 253_402_300_799_999;

/// The fields of a JSON body. No body is the same as `{}`, and unknown fields are ignored.
#[derive(Debug)]
pub struct BodyFields(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for BodyFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let text = read_text(request, state).await?;
        if text.trim().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_str(&text) {
            Ok(UniqueFields(fields)) => Ok(Self(fields)),
            Err(error) if error.is_data() => Err(invalid(
                "The body must be a JSON object without a field twice.",
            )),
            Err(error) => Err(ApiError::because(
                Code::MalformedJson,
                format!("line {}, column {}", error.line(), error.column()),
            )),
        }
    }
}

/// The fields of a JSON object, none of them twice: two programs could read different ones (RFC
/// 8259 §4).
struct UniqueFields(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueFieldsVisitor)
    }
}

struct UniqueFieldsVisitor;

impl<'de> Visitor<'de> for UniqueFieldsVisitor {
    type Value = UniqueFields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<UniqueFields, A::Error> {
        let mut fields = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if fields.insert(name, value).is_some() {
                return Err(de::Error::custom("a field twice"));
            }
        }
        Ok(UniqueFields(fields))
    }
}

/// Returns the error of a field that is not valid.
pub(super) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::detailed(Code::InvalidRequestBody, detail)
}

/// Returns the error of a field that must be `what`.
fn must_be(name: &str, what: &str) -> ApiError {
    invalid(format!("{name} must be {what}."))
}

/// Reads an `Idempotency-Key`: 1 to 128 visible characters of ASCII.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .filter(|key| (1..=MOST_KEY_BYTES).contains(&key.len()))
        .filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(Some)
        .ok_or_else(|| {
            ApiError::detailed(
                Code::BadRequest,
                "Idempotency-Key must be 1 to 128 visible characters of ASCII.",
            )
        })
}

impl BodyFields {
    /// Takes a field. Null is the same as a missing field.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Takes an optional text.
    ///
    /// # Errors
    /// 400 for another type.
    pub fn optional_text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(must_be(name, "a text")),
        }
    }

    /// Takes a text.
    ///
    /// # Errors
    /// 400 if it is missing or of another type.
    pub fn text(&mut self, name: &str) -> Result<String, ApiError> {
        self.optional_text(name)?
            .ok_or_else(|| invalid(format!("{name} is missing.")))
    }

    /// Takes an optional whole number of `least` to `most`.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn optional_number(
        &mut self,
        name: &str,
        least: i64,
        most: i64,
    ) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = value.as_i64().filter(|it| (least..=most).contains(it));
        number
            .map(Some)
            .ok_or_else(|| must_be(name, &format!("a whole number from {least} to {most}")))
    }

    /// Takes a value of `T`, described as `what` in the error.
    ///
    /// # Errors
    /// 400 if it is missing or of another type.
    pub fn value<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<T, ApiError> {
        let value = self
            .take(name)
            .ok_or_else(|| invalid(format!("{name} is missing.")))?;
        serde_json::from_value(value).map_err(|_| must_be(name, what))
    }

    /// Takes an optional value of `T`, described as `what` in the error.
    ///
    /// # Errors
    /// 400 for another type.
    pub fn optional_value<T: DeserializeOwned>(
        &mut self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, ApiError> {
        self.take(name)
            .map(|value| serde_json::from_value(value).map_err(|_| must_be(name, what)))
            .transpose()
    }

    /// Takes a public key of 32 bytes in base64.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn key(&mut self, name: &str) -> Result<MessageKey, ApiError> {
        MessageKey::parse(&self.text(name)?)
            .ok_or_else(|| must_be(name, "the base64 of a public key of 32 bytes"))
    }

    /// Takes an Ed25519 signature of 64 bytes in base64.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn signature(&mut self, name: &str) -> Result<KeySignature, ApiError> {
        KeySignature::parse(&self.text(name)?)
            .ok_or_else(|| must_be(name, "the base64 of a signature of 64 bytes"))
    }

    /// Takes a list of `least` to `most` different public keys.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn keys(
        &mut self,
        name: &str,
        least: usize,
        most: usize,
    ) -> Result<Vec<MessageKey>, ApiError> {
        let what =
            format!("a list of {least} to {most} different public keys of 32 bytes in base64");
        let texts: Vec<String> = self.value(name, &what)?;
        if !(least..=most).contains(&texts.len()) {
            return Err(must_be(name, &what));
        }
        let keys: Option<Vec<MessageKey>> =
            texts.iter().map(|text| MessageKey::parse(text)).collect();
        let keys = keys.ok_or_else(|| must_be(name, &what))?;
        let different: std::collections::HashSet<&MessageKey> = keys.iter().collect();
        if different.len() == keys.len() {
            Ok(keys)
        } else {
            Err(must_be(name, &what))
        }
    }

    /// Takes bytes in base64, `least` to `most` of them.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn raw(&mut self, name: &str, least: usize, most: usize) -> Result<Vec<u8>, ApiError> {
        self.optional_raw(name, least, most)?
            .ok_or_else(|| invalid(format!("{name} is missing.")))
    }

    /// Takes optional bytes in base64, `least` to `most` of them.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn optional_raw(
        &mut self,
        name: &str,
        least: usize,
        most: usize,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        base64::decode(&text)
            .filter(|bytes| (least..=most).contains(&bytes.len()))
            .map(Some)
            .ok_or_else(|| {
                let size = if least == most {
                    format!("{least}")
                } else {
                    format!("{least} to {most}")
                };
                must_be(name, &format!("the base64 of {size} bytes"))
            })
    }

    /// Takes bytes in base64, `least` to `most` of them, and returns them as base64url.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn bytes(&mut self, name: &str, least: usize, most: usize) -> Result<String, ApiError> {
        self.raw(name, least, most).map(base64::encode)
    }

    /// Takes an optional time in RFC 3339.
    ///
    /// # Errors
    /// 400 for every other value.
    pub fn optional_time(&mut self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        Timestamp::parse_rfc3339(&text)
            .filter(|time| (0..=LAST_MILLIS).contains(&time.millis()))
            .map(Some)
            .ok_or_else(|| must_be(name, "a time in RFC 3339"))
    }

    /// Takes an optional truth value. A missing one is false.
    ///
    /// # Errors
    /// 400 for another type.
    pub fn flag(&mut self, name: &str) -> Result<bool, ApiError> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(must_be(name, "true or false")),
        }
    }
}
