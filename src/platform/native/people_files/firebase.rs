//! An export of Firebase: the JSON file of `firebase auth:export users.json`, and the parameters of
//! the project's hashes as its console prints them (firebase.google.com/docs/cli/auth).

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::authorization::domain::foreign_people::ExportedPerson;
use crate::kernel::model::base64 as lenient;
use crate::platform::native::people_files::record::{ExportRecord, filled, unreadable};

/// The parameters of the hashes of a project.
pub(super) struct HashConfig {
    signer_key: Vec<u8>,
    salt_separator: Vec<u8>,
    rounds: u32,
    mem_cost: u32,
}

impl HashConfig {
    /// Reads `hash_config { algorithm: SCRYPT, … }`, as the console prints it.
    ///
    /// # Errors
    /// The name of the parameter that is missing or has another value.
    pub(super) fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let value = |name: &str| {
            let mut lines = text.lines().map(|line| line.trim().trim_end_matches(','));
            lines
                .find_map(|line| {
                    Some(
                        line.strip_prefix(name)?
                            .trim_start()
                            .strip_prefix(':')?
                            .trim(),
                    )
                })
                .ok_or_else(|| format!("{name} is missing: copy the parameters from the console"))
        };
        if value("algorithm")? != "SCRYPT" {
            return Err("algorithm must be SCRYPT".into());
        }
        let bytes = |name: &str| {
            lenient::decode(value(name)?).ok_or_else(|| format!("{name} must be base64"))
        };
        let number = |name: &str| {
            let number = value(name)?.parse();
            number.map_err(|_| format!("{name} must be a number"))
        };
        Ok(Self {
            signer_key: bytes("base64_signer_key")?,
            salt_separator: bytes("base64_salt_separator")?,
            rounds: number("rounds")?,
            mem_cost: number("mem_cost")?,
        })
    }

    /// Returns the stored form of a hash.
    pub(super) fn stored_form(&self, hash: &str, salt: &str) -> Result<String, String> {
        let hash = lenient::decode(hash).ok_or("passwordHash must be base64")?;
        let mut salt = lenient::decode(salt).ok_or("salt must be base64")?;
        salt.extend(&self.salt_separator);
        let [salt, key, hash] =
            [&salt, &self.signer_key, &hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        let Self {
            rounds, mem_cost, ..
        } = self;
        Ok(format!(
            "$firebase-scrypt$ln={mem_cost},r={rounds}${salt}${key}${hash}"
        ))
    }

    /// Returns the parameters that a hash of another export has with it.
    pub(super) fn of_parts(parts: [&str; 4]) -> Option<Self> {
        let [key, separator, rounds, mem_cost] = parts;
        Some(Self {
            signer_key: lenient::decode(key)?,
            salt_separator: lenient::decode(separator)?,
            rounds: rounds.parse().ok()?,
            mem_cost: mem_cost.parse().ok()?,
        })
    }
}

#[derive(Deserialize)]
struct UsersFile {
    users: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirebaseUser {
    local_id: String,
    email: Option<String>,
    display_name: Option<String>,
    #[serde(default)]
    disabled: bool,
    password_hash: Option<String>,
    salt: Option<String>,
}

/// Returns the people of an export.
///
/// # Errors
/// Text that is not JSON of this form.
pub(super) fn read(
    text: &str,
    config: Option<&HashConfig>,
) -> Result<Vec<ExportedPerson>, Box<dyn Error>> {
    let file: UsersFile = serde_json::from_str(text)?;
    let people = file.users.into_iter().enumerate();
    let read = people.map(|(index, row)| {
        let at = format!("user {}", index + 1);
        let user: FirebaseUser = match serde_json::from_value(row) {
            Ok(user) => user,
            Err(error) => return unreadable(at, None, error.to_string()),
        };
        let hash = match (filled(user.password_hash), config) {
            (None, _) => Ok(None),
            (Some(_), None) => Err("the record has a hash: give --hash-config".to_owned()),
            (Some(hash), Some(config)) => {
                let salt = user.salt.unwrap_or_default();
                config.stored_form(&hash, &salt).map(Some)
            }
        };
        match hash {
            Err(reason) => unreadable(at, user.email.or(Some(user.local_id)), reason),
            Ok(password_hash) => ExportRecord {
                at,
                id: Some(user.local_id),
                username: None,
                email: user.email,
                name: user.display_name,
                blocked: user.disabled,
                password_hash,
            }
            .into_person(),
        }
    });
    Ok(read.collect())
}
