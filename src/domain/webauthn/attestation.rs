//! The attestation object (WebAuthn Level 3 §6.5.4).
//!
//! The service asks for no attestation. A client that sends one all the same is not believed: the statement is parsed and left at that.

use serde::Deserialize;
use serde_cbor_2::Value;

/// More than the longest chain of certificates that authenticators send.
const MOST_BYTES: usize = 32 * 1024;

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

#[derive(Deserialize)]
struct Raw<'a> {
    fmt: &'a str,
    #[serde(rename = "authData")]
    auth_data: &'a [u8],
    #[serde(rename = "attStmt")]
    statement: Value,
}

/// Reads an attestation object that fills `bytes` to the end.
///
/// # Errors
/// Why it is none.
pub fn parse(bytes: &[u8]) -> Result<AttestationObject, &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("the attestation object is too long");
    }
    // A map, not a list, which would be read by position.
    if bytes.first().is_none_or(|first| first >> 5 != 5) {
        return Err("the attestation object is no CBOR map");
    }
    let raw: Raw<'_> =
        serde_cbor_2::from_slice(bytes).map_err(|_| "the attestation object is not CBOR with fmt, authData and attStmt, each once")?;
    Ok(AttestationObject { format: raw.fmt.to_owned(), auth_data: raw.auth_data.to_vec(), statement: raw.statement })
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
