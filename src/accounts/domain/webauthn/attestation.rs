//! The attestation object (WebAuthn Level 3 §6.5.4).
//!
//! The service asks for no attestation and trusts none. If a client sends an attestation anyway,
//! its statement is parsed but not verified.

use crate::accounts::domain::cbor::{CborReader, once};

/// The maximum length. No authenticator's certificate chain needs more.
const MOST_BYTES: usize = 32 * 1024;

/// The maximum number of members of a statement. No format has more than six.
const MOST_MEMBERS: u64 = 16;

const REFUSED: &str =
    "the attestation object is not CBOR with fmt, authData and attStmt, each once";

/// An attestation object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttestationObject {
    /// The format of the statement.
    pub format: String,
    /// The authenticator data, unread.
    pub auth_data: Vec<u8>,
    /// The shape of the statement.
    pub statement: StatementShape,
}

/// The shape of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StatementShape {
    /// A map with these names.
    Map(Vec<String>),
    /// A list, the shape of compound statements.
    List,
    /// Anything else.
    Other,
}

fn statement(reader: &mut CborReader<'_>) -> Result<StatementShape, &'static str> {
    let mut inside = CborReader::new(reader.item()?);
    if !inside.is_map() {
        return Ok(if inside.is_array() {
            StatementShape::List
        } else {
            StatementShape::Other
        });
    }
    let count = inside.map()?;
    if count > MOST_MEMBERS {
        return Err("too many members");
    }
    let mut names = Vec::new();
    for _ in 0..count {
        let name = inside.text()?.to_owned();
        if names.contains(&name) {
            return Err("a member appears twice");
        }
        names.push(name);
        inside.skip()?;
    }
    Ok(StatementShape::Map(names))
}

/// Reads an attestation object that fills `bytes` to the end.
///
/// # Errors
/// The reason why `bytes` is not an attestation object.
pub fn parse(bytes: &[u8]) -> Result<AttestationObject, &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("the attestation object is too long");
    }
    members(bytes).map_err(|_| REFUSED)
}

fn members(bytes: &[u8]) -> Result<AttestationObject, &'static str> {
    let (mut format, mut auth_data, mut stated) = (None, None, None);
    let mut reader = CborReader::new(bytes);
    for _ in 0..reader.map()? {
        match reader.text()? {
            "fmt" => once(&mut format, reader.text()?.to_owned())?,
            "authData" => once(&mut auth_data, reader.bytes()?.to_vec())?,
            "attStmt" => once(&mut stated, statement(&mut reader)?)?,
            _ => reader.skip()?,
        }
    }
    reader.end()?;
    let lacks = "a member is missing";
    Ok(AttestationObject {
        format: format.ok_or(lacks)?,
        auth_data: auth_data.ok_or(lacks)?,
        statement: stated.ok_or(lacks)?,
    })
}

/// The formats of the registry (WebAuthn Level 3 §8), with the required members of their
/// statements.
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
    /// Returns true if the registry has the format (step 21).
    #[must_use]
    pub fn is_known(&self) -> bool {
        FORMATS.iter().any(|(format, _)| *format == self.format)
    }

    /// Checks that the statement has the shape of its format (step 22). Its signature and
    /// certificates are not verified.
    ///
    /// # Errors
    /// Returns the reason why the shape is wrong.
    pub fn check_shape(&self) -> Result<(), &'static str> {
        let members = match (&self.statement, self.format.as_str()) {
            (StatementShape::List, "compound") => return Ok(()),
            (StatementShape::Map(members), _) => members,
            _ => return Err("the attestation statement is not a map"),
        };
        if self.format == "none" && !members.is_empty() {
            return Err("the attestation statement of format none is not empty");
        }
        let wanted = FORMATS
            .iter()
            .find(|(format, _)| *format == self.format)
            .map_or(&[][..], |(_, wanted)| wanted);
        let complete = wanted
            .iter()
            .all(|name| members.iter().any(|member| member == name));
        if complete {
            Ok(())
        } else {
            Err("the attestation statement lacks a member of its format")
        }
    }
}
