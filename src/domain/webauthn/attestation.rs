//! The attestation object (WebAuthn Level 3 §6.5.4).
//!
//! The service asks for no attestation. A client that sends one all the same is not believed: the statement is parsed and left at that.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_cbor_2::Value;

/// More than the longest chain of certificates that authenticators send.
const MOST_BYTES: usize = 32 * 1024;

const REFUSED: &str = "the attestation object is not CBOR with fmt, authData and attStmt, each once";

/// What came.
#[derive(Clone, PartialEq, Debug)]
pub struct AttestationObject {
    /// The format of the statement.
    pub format: String,
    /// The authenticator data, as it came.
    pub auth_data: Vec<u8>,
    /// The statement.
    pub statement: Value,
}

/// The members that count, each once, by their names; a derived reader would take numbers for names too.
#[derive(Default)]
struct Raw<'a> {
    format: Option<&'a str>,
    auth_data: Option<&'a [u8]>,
    statement: Option<Value>,
}

fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(place: &mut Option<T>, members: &mut A) -> Result<(), A::Error> {
    let twice = place.replace(members.next_value()?).is_some();
    if twice { Err(A::Error::custom("a member twice")) } else { Ok(()) }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attestation object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Raw<'de>, A::Error> {
                let mut raw = Raw::default();
                while let Some(name) = members.next_key::<&str>()? {
                    match name {
                        "fmt" => once(&mut raw.format, &mut members)?,
                        "authData" => once(&mut raw.auth_data, &mut members)?,
                        "attStmt" => once(&mut raw.statement, &mut members)?,
                        _ => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Reads an attestation object that fills `bytes` to the end.
///
/// # Errors
/// Why it is none.
pub fn parse(bytes: &[u8]) -> Result<AttestationObject, &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("the attestation object is too long");
    }
    match serde_cbor_2::from_slice(bytes).map_err(|_| REFUSED)? {
        Raw { format: Some(format), auth_data: Some(auth_data), statement: Some(statement) } => {
            Ok(AttestationObject { format: format.to_owned(), auth_data: auth_data.to_vec(), statement })
        }
        _ => Err(REFUSED),
    }
}

/// Formats of the registry (WebAuthn Level 3 §8): what the statement must hold at least.
const FORMATS: [(&str, &[&str]); 8] = [
    ("none", &[]),
    ("packed", &["alg", "sig"]),
    ("tpm", &["ver", "alg", "x5c", "sig", "certInfo", "pubArea"]),
    ("android-key", &["alg", "sig", "x5c"]),
    ("android-safetynet", &["ver", "response"]),
    ("fido-u2f", &["x5c", "sig"]),
    ("apple", &["x5c"]),
    ("compound", &[]),
];

impl AttestationObject {
    /// Whether the format is one of the registry's (step 21).
    #[must_use]
    pub fn is_known(&self) -> bool {
        FORMATS.iter().any(|(format, _)| *format == self.format)
    }

    /// Whether the statement has the shape of its format (step 22); its signature and certificates are not verified.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_shape(&self) -> Result<(), &'static str> {
        let members = match (&self.statement, self.format.as_str()) {
            (Value::Array(_), "compound") => return Ok(()),
            (Value::Map(members), _) => members,
            _ => return Err("the attestation statement is no map"),
        };
        if self.format == "none" && !members.is_empty() {
            return Err("the attestation statement of format none is not empty");
        }
        let wanted = FORMATS.iter().find(|(format, _)| *format == self.format).map_or(&[][..], |(_, wanted)| wanted);
        let complete = wanted.iter().all(|name| members.contains_key(&Value::Text((*name).to_owned())));
        if complete { Ok(()) } else { Err("the attestation statement lacks a member of its format") }
    }
}
