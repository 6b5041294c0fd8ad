//! `custom_password_hash` of a bulk import into Auth0: hashes that Auth0 took over from another
//! service. `auth0.rs` names the document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use crate::kernel::model::base64 as lenient;
use crate::platform::native::report_printer::hex;

/// A hash with its algorithm.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomHash {
    algorithm: String,
    hash: HashValue,
    salt: Option<EncodedText>,
    /// N of scrypt. The defaults are Node's.
    cost: Option<u32>,
    block_size: Option<u32>,
    parallelization: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum HashValue {
    /// An earlier form of the schema had the hash alone.
    Text(String),
    Encoded(EncodedText),
}

#[derive(Deserialize)]
struct EncodedText {
    value: String,
    encoding: Option<String>,
}

impl EncodedText {
    fn bytes(&self) -> Option<Vec<u8>> {
        match self.encoding.as_deref() {
            Some("hex") => hex(&self.value),
            Some("base64") => lenient::decode(&self.value),
            Some("utf8") | None => Some(self.value.clone().into_bytes()),
            Some(_) => None,
        }
    }
}

impl CustomHash {
    /// Returns the hash in an accepted form.
    ///
    /// # Errors
    /// The reason if it has none.
    pub(super) fn accepted_form(&self) -> Result<String, String> {
        match (self.algorithm.as_str(), &self.hash) {
            // PHC strings, and the form of bcrypt.
            ("argon2" | "bcrypt" | "pbkdf2", HashValue::Text(value)) => Ok(value.clone()),
            ("argon2" | "bcrypt" | "pbkdf2", HashValue::Encoded(hash)) => Ok(hash.value.clone()),
            ("scrypt", HashValue::Encoded(hash)) => self.scrypt(hash).ok_or_else(|| {
                "custom_password_hash must have an encoded hash and salt of scrypt, and a cost \
                 that is a power of two"
                    .to_owned()
            }),
            (algorithm, _) => Err(format!(
                "the custom_password_hash of {algorithm} cannot be imported"
            )),
        }
    }

    fn scrypt(&self, hash: &EncodedText) -> Option<String> {
        let n = self.cost.unwrap_or(16384);
        let log_n = n.is_power_of_two().then(|| n.ilog2())?;
        let r = self.block_size.unwrap_or(8);
        let p = self.parallelization.unwrap_or(1);
        let [salt, hash] =
            [self.salt.as_ref()?.bytes()?, hash.bytes()?].map(|it| STANDARD_NO_PAD.encode(it));
        Some(format!("$scrypt$ln={log_n},r={r},p={p}${salt}${hash}"))
    }
}
