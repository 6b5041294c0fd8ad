//! Files of Auth0: a bulk export of users, which has a JSON object on each line
//! (auth0.com/docs/manage-users/user-migration/bulk-user-exports), the export of password hashes,
//! which Auth0's support makes and which has one too, and the array of a bulk import
//! (auth0.com/docs/manage-users/user-migration/bulk-user-import-database-schema-and-examples).

use std::collections::HashMap;
use std::error::Error;

use serde::Deserialize;
use serde_json::Value;

use crate::authorization::domain::foreign_people::ExportedPerson;
use crate::platform::native::people_files::auth0_hash::CustomHash;
use crate::platform::native::people_files::record::{ExportRecord, filled, unreadable};

/// A user of each of the files.
#[derive(Deserialize)]
struct Auth0User {
    user_id: Option<String>,
    /// The id in the export of password hashes.
    #[serde(rename = "_id")]
    object_id: Option<ObjectId>,
    email: Option<String>,
    username: Option<String>,
    name: Option<String>,
    #[serde(default)]
    blocked: Option<bool>,
    /// The hash in the export of password hashes, and in a bulk import.
    #[serde(rename = "passwordHash", alias = "password_hash")]
    password_hash: Option<String>,
    custom_password_hash: Option<CustomHash>,
}

#[derive(Deserialize)]
struct ObjectId {
    #[serde(rename = "$oid")]
    id: String,
}

impl Auth0User {
    /// Returns the id without the name of the connection's strategy, as in `auth0|63c6f3…`.
    fn id(&self) -> Option<&str> {
        let object_id = self
            .object_id
            .as_ref()
            .map(|object_id| object_id.id.as_str());
        let user_id = self.user_id.as_deref();
        object_id.or_else(|| user_id?.rsplit('|').next())
    }
}

/// A record of a file, with its place.
struct Located {
    at: String,
    user: Result<Auth0User, String>,
}

/// Returns the people of a file of users, with the hashes of an export of password hashes.
///
/// # Errors
/// Text that is not JSON of this form.
pub(super) fn read(
    text: &str,
    passwords: Option<&str>,
) -> Result<Vec<ExportedPerson>, Box<dyn Error>> {
    let mut people = Vec::new();
    let mut hashes = HashMap::new();
    for Located { at, user } in records(passwords.unwrap_or_default())? {
        let at = format!("passwords {at}");
        match user {
            Err(reason) => people.push(unreadable(at, None, reason)),
            Ok(user) => {
                hashes.insert(user.id().unwrap_or_default().to_owned(), user);
            }
        }
    }
    for Located { at, user } in records(text)? {
        people.push(match user {
            Err(reason) => unreadable(at, None, reason),
            Ok(user) => {
                let hash = user.id().and_then(|id| hashes.remove(id));
                person(at, user, hash.and_then(|hash| hash.password_hash))
            }
        });
    }
    people.extend(hashes.into_values().map(|user| {
        let reason = "no user of the file has this id".to_owned();
        let label = user.email.clone().or_else(|| user.id().map(str::to_owned));
        unreadable("passwords".to_owned(), label, reason)
    }));
    Ok(people)
}

/// Returns the records of an array, or of a file with an object on each line.
fn records(text: &str) -> Result<Vec<Located>, Box<dyn Error>> {
    let of_value = |value: Value| {
        serde_json::from_value(value).map_err(|error: serde_json::Error| error.to_string())
    };
    if text.trim_start().starts_with('[') {
        let values: Vec<Value> = serde_json::from_str(text)?;
        let records = values.into_iter().enumerate();
        return Ok(records
            .map(|(index, value)| Located {
                at: format!("user {}", index + 1),
                user: of_value(value),
            })
            .collect());
    }
    let lines = text.lines().enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    Ok(filled
        .map(|(index, line)| Located {
            at: format!("line {}", index + 1),
            user: serde_json::from_str(line).map_err(|error| error.to_string()),
        })
        .collect())
}

fn person(at: String, user: Auth0User, exported: Option<String>) -> ExportedPerson {
    let id = user.id().map(str::to_owned);
    let own = filled(exported).or_else(|| filled(user.password_hash));
    let custom = user.custom_password_hash.map(|hash| hash.accepted_form());
    match custom.transpose() {
        Err(reason) => unreadable(at, user.email.or(id), reason),
        Ok(custom) => ExportRecord {
            at,
            id,
            username: user.username,
            email: user.email,
            name: user.name,
            blocked: user.blocked.unwrap_or_default(),
            password_hash: own.or(custom),
        }
        .into_person(),
    }
}
