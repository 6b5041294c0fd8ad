//! The file that `hamrah-api attest` reads.

use std::error::Error;
use std::path::Path;

use serde_json::{Map, Value};

use crate::accounts::model::attest::TrustAnchor;
use crate::kernel::model::base64;
use crate::platform::native::steps;

/// The CBOR of the input, and the members of the JSON around it.
pub(super) struct Input {
    pub(super) cbor: Vec<u8>,
    members: Map<String, Value>,
}

impl Input {
    pub(super) fn read(file: Option<&Path>, names: &[&str]) -> Result<Self, Box<dyn Error>> {
        Self::unwrap(steps::input(file)?, names)
    }

    /// Reads raw CBOR, base64 of it, JSON, or base64 of JSON as the app sends it.
    fn unwrap(bytes: Vec<u8>, names: &[&str]) -> Result<Self, Box<dyn Error>> {
        let bytes = match std::str::from_utf8(&bytes) {
            Ok(text) if !text.trim_start().starts_with('{') => {
                let packed: String = text.split_ascii_whitespace().collect();
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

    pub(super) fn member(&self, names: &[&str]) -> Option<Vec<u8>> {
        names
            .iter()
            .find_map(|name| base64::decode(self.members.get(*name)?.as_str()?))
    }
}

/// Reads the root certificate of a file, or returns Apple's.
pub(super) fn anchor(file: Option<&Path>) -> Result<TrustAnchor, Box<dyn Error>> {
    let Some(file) = file else {
        return Ok(TrustAnchor::apple());
    };
    let pem =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    TrustAnchor::from_pem(&pem)
        .ok_or_else(|| format!("{}: not one certificate in PEM", file.display()).into())
}
