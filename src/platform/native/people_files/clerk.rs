//! An export of Clerk: the CSV file of the dashboard
//! (clerk.com/docs/guides/development/migrating/export-from-clerk). `password_hasher` names the
//! form of `password_digest`, as the parameter of Clerk's `createUser` does.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use crate::authorization::domain::foreign_people::ExportedPerson;
use crate::kernel::model::base64 as lenient;
use crate::platform::native::people_files::firebase::HashConfig;
use crate::platform::native::people_files::record::{ExportRecord, filled, unreadable};
use crate::platform::native::report_printer::hex;

#[derive(Deserialize)]
struct ClerkRow {
    id: Option<String>,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    username: Option<String>,
    primary_email_address: Option<String>,
    password_digest: Option<String>,
    password_hasher: Option<String>,
}

/// Returns the people of an export.
///
/// # Errors
/// Text without the columns of this form.
pub(super) fn read(text: &str) -> Result<Vec<ExportedPerson>, Box<dyn Error>> {
    // The library counts a line with a carriage return late.
    let text = text.replace("\r\n", "\n");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers()?.clone();
    for column in [
        "id",
        "primary_email_address",
        "password_digest",
        "password_hasher",
    ] {
        if !headers.iter().any(|header| header == column) {
            return Err(format!("the column {column} is missing").into());
        }
    }
    let mut people = Vec::new();
    let mut row = csv::StringRecord::new();
    loop {
        let at = format!("line {}", reader.position().line());
        match reader.read_record(&mut row) {
            Ok(false) => return Ok(people),
            Ok(true) => {
                // The position of a row is where it begins, without empty lines before it.
                let at = row
                    .position()
                    .map_or(at, |position| format!("line {}", position.line()));
                people.push(match row.deserialize::<ClerkRow>(Some(&headers)) {
                    Ok(row) => person(at, row),
                    Err(error) => unreadable(at, None, error.to_string()),
                });
            }
            Err(error) if error.is_io_error() => return Err(error.into()),
            Err(error) => people.push(unreadable(at, None, error.to_string())),
        }
    }
}

fn person(at: String, row: ClerkRow) -> ExportedPerson {
    let digest = filled(row.password_digest);
    let hasher = row.password_hasher.unwrap_or_default();
    let hash = digest
        .map(|digest| accepted_form(&digest, &hasher).ok_or(hasher))
        .transpose();
    match hash {
        Err(hasher) => {
            let label = filled(row.primary_email_address).or(row.id);
            let reason = format!("the password_digest of {hasher} cannot be imported");
            unreadable(at, label, reason)
        }
        Ok(password_hash) => ExportRecord {
            at,
            id: row.id,
            username: row.username,
            email: row.primary_email_address,
            name: Some(format!("{} {}", row.first_name, row.last_name)),
            blocked: false,
            password_hash,
        }
        .into_person(),
    }
}

/// Returns the digest in an accepted form, or `None` if the hasher has none or the digest is not of
/// it.
fn accepted_form(digest: &str, hasher: &str) -> Option<String> {
    let parts: Vec<&str> = digest.split('$').collect();
    let phc = |name: &str, salt: &[u8], hash: &[u8]| {
        let iterations = parts.get(1)?;
        let [salt, hash] = [salt, hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        Some(format!("$pbkdf2-{name}$i={iterations}${salt}${hash}"))
    };
    let salt = parts.get(2).copied().unwrap_or_default();
    let hash = parts.get(3).copied().unwrap_or_default();
    match hasher {
        "argon2i"
        | "argon2id"
        | "bcrypt"
        | "bcrypt_sha256_django"
        | "pbkdf2_sha256_django"
        | "scrypt_werkzeug" => Some(digest.to_owned()),
        "pbkdf2_sha256" => phc("sha256", &lenient::decode(salt)?, &lenient::decode(hash)?),
        "pbkdf2_sha1" => phc("sha1", salt.as_bytes(), &hex(hash)?),
        "pbkdf2_sha512" => phc("sha512", salt.as_bytes(), &hex(hash)?),
        "pbkdf2_sha512_hex" => phc("sha512", &hex(salt)?, &hex(hash)?),
        "scrypt_firebase" => {
            let [hash, salt, config @ ..]: [&str; 6] = parts.try_into().ok()?;
            HashConfig::of_parts(config)?.stored_form(hash, salt).ok()
        }
        _ => None,
    }
}
