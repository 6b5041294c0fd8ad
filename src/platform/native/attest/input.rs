//! Arguments and input files of the commands, and the bytes in them.

use std::error::Error;
use std::path::Path;

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::accounts::domain::app_attest::authenticator_data;
use crate::accounts::model::attest::AttestEnvironment;
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::report_printer;

/// The header with an assertion, as `attest make assertion` prints it.
const ASSERTION_HEADER: &str = "X-iOS-App-Attest-Assertion: ";

/// Bytes from an argument.
#[derive(Clone)]
pub(in crate::platform::native) struct Binary(pub(super) Vec<u8>);

/// An environment of App Attest, as an argument.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::platform::native) enum EnvironmentArgument {
    Production,
    Development,
}

impl EnvironmentArgument {
    /// Returns the environment.
    pub(super) const fn environment(self) -> AttestEnvironment {
        match self {
            Self::Production => AttestEnvironment::Production,
            Self::Development => AttestEnvironment::Development,
        }
    }
}

/// Reads hexadecimal or base64. Text that is valid in both is read as hexadecimal.
fn decode(text: &str) -> Option<Vec<u8>> {
    report_printer::hex(text).or_else(|| base64::decode(text))
}

/// Reads bytes in hexadecimal or base64.
///
/// # Errors
/// The text has neither form.
pub(super) fn binary(text: &str) -> Result<Binary, &'static str> {
    decode(text)
        .map(Binary)
        .ok_or("neither hexadecimal nor base64")
}

/// Reads a public key and returns its X9.62 point.
///
/// # Errors
/// The text is not a key of P-256.
pub(super) fn public_key(text: &str) -> Result<Binary, &'static str> {
    // SubjectPublicKeyInfo (RFC 5480) of a key of P-256, up to the point.
    const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let bytes = binary(text)?.0;
    let point = authenticator_data::cose_point(&bytes).map(|point| point.to_vec());
    let point = point
        .or_else(|| {
            bytes
                .strip_prefix(report_printer::hex(SPKI)?.as_slice())
                .map(<[u8]>::to_vec)
        })
        .unwrap_or(bytes);
    if point.len() == 65 {
        Ok(Binary(point))
    } else {
        Err("neither an uncompressed point of P-256, nor COSE or SPKI of one")
    }
}

/// Reads a time.
///
/// # Errors
/// The text does not have the form of RFC 3339.
pub(super) fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("not a time such as 2026-01-31T12:00:00Z")
}

/// The input: the CBOR, and the members of the JSON that contains it.
pub(super) struct Input {
    /// The CBOR of the attestation or the assertion.
    pub(super) cbor: Vec<u8>,
    members: Map<String, Value>,
}

impl Input {
    /// Reads a file, or standard input. `names` are the members of the JSON that may contain the
    /// object.
    ///
    /// # Errors
    /// The input has no readable object.
    pub(super) fn read(file: Option<&Path>, names: &[&str]) -> Result<Self, Box<dyn Error>> {
        Self::unwrap(report_printer::input(file)?, names)
    }

    /// Reads raw CBOR, base64 of CBOR, JSON, or base64 of JSON. The app sends the last form. Reads
    /// the headers that `attest make assertion` prints, too.
    fn unwrap(bytes: Vec<u8>, names: &[&str]) -> Result<Self, Box<dyn Error>> {
        let bytes = match std::str::from_utf8(&bytes) {
            Ok(text) if !text.trim_start().starts_with('{') => {
                let header = text
                    .lines()
                    .find_map(|line| line.strip_prefix(ASSERTION_HEADER));
                let packed: String = header.unwrap_or(text).split_ascii_whitespace().collect();
                base64::decode(packed.trim_matches('"'))
                    .filter(|bytes| !bytes.is_empty())
                    .ok_or("the input is neither CBOR, base64 nor JSON")?
            }
            _ => bytes,
        };
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Ok(Self {
                cbor: bytes,
                members: Map::new(),
            });
        }
        let members: Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|error| format!("the JSON cannot be read: {error}"))?;
        let text = names.iter().find_map(|name| members.get(*name)?.as_str());
        let text = text.ok_or_else(|| format!("the JSON has none of {}", names.join(", ")))?;
        Ok(Self {
            cbor: base64::decode(text).ok_or("the object in the JSON is not base64")?,
            members,
        })
    }

    /// Returns the bytes of the first of these members that exists.
    pub(super) fn member(&self, names: &[&str]) -> Option<Vec<u8>> {
        names
            .iter()
            .find_map(|name| base64::decode(self.members.get(*name)?.as_str()?))
    }
}
