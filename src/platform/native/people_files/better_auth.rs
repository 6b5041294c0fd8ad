//! An export of better-auth: `{"users": […], "accounts": […]}` with the rows of the tables `user`
//! and `account`, whose columns are named as in its schema
//! (better-auth.com/docs/concepts/database). A password is the column `password` of the account
//! with the provider `credential`.

use std::collections::HashMap;
use std::error::Error;

use serde::Deserialize;
use serde_json::Value;

use crate::authorization::domain::foreign_people::ExportedPerson;
use crate::platform::native::people_files::record::{ExportRecord, unreadable};

#[derive(Deserialize)]
struct Tables {
    #[serde(alias = "user")]
    users: Vec<Value>,
    #[serde(alias = "account")]
    accounts: Vec<AccountRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserRow {
    id: Value,
    email: Option<String>,
    name: Option<String>,
    username: Option<String>,
    /// A column of the plugin for administrators. SQLite has 0 and 1.
    #[serde(default)]
    banned: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountRow {
    provider_id: String,
    user_id: Value,
    password: Option<String>,
}

/// Returns the people of an export.
///
/// # Errors
/// Text that is not JSON of this form.
pub(super) fn read(text: &str) -> Result<Vec<ExportedPerson>, Box<dyn Error>> {
    let tables: Tables = serde_json::from_str(text)?;
    let mut hashes: HashMap<String, String> = tables
        .accounts
        .into_iter()
        .filter(|account| account.provider_id == "credential")
        .filter_map(|account| Some((account.user_id.to_string(), account.password?)))
        .collect();
    let people = tables.users.into_iter().enumerate();
    let read = people.map(|(index, row)| {
        let at = format!("user {}", index + 1);
        match serde_json::from_value::<UserRow>(row) {
            Err(error) => unreadable(at, None, error.to_string()),
            Ok(user) => ExportRecord {
                at,
                password_hash: hashes.remove(&user.id.to_string()),
                // An id is a text, or a number in some databases.
                id: Some(user.id.to_string().trim_matches('"').to_owned()),
                username: user.username,
                email: user.email,
                name: user.name,
                blocked: !matches!(user.banned.as_i64(), None | Some(0))
                    || user.banned.as_bool() == Some(true),
            }
            .into_person(),
        }
    });
    Ok(read.collect())
}
