//! The fields of JSON objects that clients send, in bodies of requests and in frames of sockets.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;
use crate::relay::model::keys::{KeySignature, MessageKey};

/// The longest name that a client gives to a request or a frame, in bytes.
const MOST_NAME_BYTES: usize = 128;
/// The end of the last year that RFC 3339 can write, in milliseconds since 1970.
const LAST_MILLIS: i64 = 253_402_300_799_999;

/// A sentence for the client about a field that is not valid. It begins with the name of the field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnfitField(pub String);

/// Returns the error of a field that must be `what`.
fn must_be(name: &str, what: &str) -> UnfitField {
    UnfitField(format!("{name} must be {what}."))
}

/// Returns the error of a field that is not there.
fn missing(name: &str) -> UnfitField {
    UnfitField(format!("{name} is missing."))
}

/// Returns true for 1 to 128 visible characters of ASCII, as in `Idempotency-Key`.
pub(super) fn is_name(text: &str) -> bool {
    (1..=MOST_NAME_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The members of a JSON object, and the first name that is in it twice. Two programs could read
/// different values of such a name (RFC 8259 §4).
#[derive(Debug)]
pub(super) struct Members<V> {
    /// The members. A repeated name has its first value.
    pub(super) values: BTreeMap<String, V>,
    /// The first repeated name.
    pub(super) twice: Option<String>,
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<V> {
    type Value = Members<V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<V>, A::Error> {
        let mut members = Members {
            values: BTreeMap::new(),
            twice: None,
        };
        while let Some((name, value)) = access.next_entry::<String, V>()? {
            match members.values.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(first) => {
                    members.twice.get_or_insert_with(|| first.key().clone());
                }
            }
        }
        Ok(members)
    }
}

/// The fields of a JSON object. Each is taken once, and the others are ignored.
#[derive(Debug, Default)]
pub struct JsonFields(pub(super) BTreeMap<String, Value>);

impl JsonFields {
    /// Takes a field. Null is the same as a missing field.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Returns a text without taking it. `None` if it is missing or of another type.
    #[must_use]
    pub fn peek_text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Takes an optional name: 1 to 128 visible characters of ASCII.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn optional_name(&mut self, name: &str) -> Result<Option<String>, UnfitField> {
        match self.optional_text(name)? {
            Some(text) if !is_name(&text) => {
                Err(must_be(name, "1 to 128 visible characters of ASCII"))
            }
            text => Ok(text),
        }
    }

    /// Takes an optional text.
    ///
    /// # Errors
    /// [`UnfitField`] for another type.
    pub fn optional_text(&mut self, name: &str) -> Result<Option<String>, UnfitField> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(must_be(name, "a text")),
        }
    }

    /// Takes a text.
    ///
    /// # Errors
    /// [`UnfitField`] if it is missing or of another type.
    pub fn text(&mut self, name: &str) -> Result<String, UnfitField> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    /// Takes an optional whole number of `least` to `most`.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn optional_number(
        &mut self,
        name: &str,
        least: i64,
        most: i64,
    ) -> Result<Option<i64>, UnfitField> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = value.as_i64().filter(|it| (least..=most).contains(it));
        number
            .map(Some)
            .ok_or_else(|| must_be(name, &format!("a whole number from {least} to {most}")))
    }

    /// Takes a whole number of `least` to `most`.
    ///
    /// # Errors
    /// [`UnfitField`] if it is missing, and for every other value.
    pub fn number(&mut self, name: &str, least: i64, most: i64) -> Result<i64, UnfitField> {
        self.optional_number(name, least, most)?
            .ok_or_else(|| missing(name))
    }

    /// Takes a value of `T`, described as `what` in the error.
    ///
    /// # Errors
    /// [`UnfitField`] if it is missing or of another type.
    pub fn value<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<T, UnfitField> {
        let value = self.take(name).ok_or_else(|| missing(name))?;
        serde_json::from_value(value).map_err(|_| must_be(name, what))
    }

    /// Takes an optional value of `T`, described as `what` in the error.
    ///
    /// # Errors
    /// [`UnfitField`] for another type.
    pub fn optional_value<T: DeserializeOwned>(
        &mut self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, UnfitField> {
        self.take(name)
            .map(|value| serde_json::from_value(value).map_err(|_| must_be(name, what)))
            .transpose()
    }

    /// Takes a public key of 32 bytes in base64.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn key(&mut self, name: &str) -> Result<MessageKey, UnfitField> {
        MessageKey::parse(&self.text(name)?)
            .ok_or_else(|| must_be(name, "the base64 of a public key of 32 bytes"))
    }

    /// Takes an Ed25519 signature of 64 bytes in base64.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn signature(&mut self, name: &str) -> Result<KeySignature, UnfitField> {
        KeySignature::parse(&self.text(name)?)
            .ok_or_else(|| must_be(name, "the base64 of a signature of 64 bytes"))
    }

    /// Takes a list of `least` to `most` different public keys.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn keys(
        &mut self,
        name: &str,
        least: usize,
        most: usize,
    ) -> Result<Vec<MessageKey>, UnfitField> {
        let what =
            format!("a list of {least} to {most} different public keys of 32 bytes in base64");
        let texts: Vec<String> = self.value(name, &what)?;
        if !(least..=most).contains(&texts.len()) {
            return Err(must_be(name, &what));
        }
        let keys: Option<Vec<MessageKey>> =
            texts.iter().map(|text| MessageKey::parse(text)).collect();
        let keys = keys.ok_or_else(|| must_be(name, &what))?;
        let different: HashSet<&MessageKey> = keys.iter().collect();
        if different.len() == keys.len() {
            Ok(keys)
        } else {
            Err(must_be(name, &what))
        }
    }

    /// Takes bytes in base64, `least` to `most` of them.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn raw(&mut self, name: &str, least: usize, most: usize) -> Result<Vec<u8>, UnfitField> {
        self.optional_raw(name, least, most)?
            .ok_or_else(|| missing(name))
    }

    /// Takes optional bytes in base64, `least` to `most` of them.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn optional_raw(
        &mut self,
        name: &str,
        least: usize,
        most: usize,
    ) -> Result<Option<Vec<u8>>, UnfitField> {
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
    /// [`UnfitField`] for every other value.
    pub fn bytes(&mut self, name: &str, least: usize, most: usize) -> Result<String, UnfitField> {
        self.raw(name, least, most).map(base64::encode)
    }

    /// Takes an optional time in RFC 3339.
    ///
    /// # Errors
    /// [`UnfitField`] for every other value.
    pub fn optional_time(&mut self, name: &str) -> Result<Option<Timestamp>, UnfitField> {
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
    /// [`UnfitField`] for another type.
    pub fn flag(&mut self, name: &str) -> Result<bool, UnfitField> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(must_be(name, "true or false")),
        }
    }
}
