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

/// The hash of an account, and the number of its row.
struct AccountHash {
    number: usize,
    hash: String,
}

/// The remedy for a file with the rows of one table.
const NOT_BOTH_TABLES: &str = "the file is a list of rows. Write one object with both tables: \
    {\"users\": [rows of user], \"accounts\": [rows of account]}";

/// Returns the people of an export.
///
/// # Errors
/// Text that is not JSON of this form.
pub(super) fn read(text: &str) -> Result<Vec<ExportedPerson>, Box<dyn Error>> {
    if text.trim_start().starts_with('[') {
        return Err(NOT_BOTH_TABLES.into());
    }
    let tables: Tables = serde_json::from_str(text)?;
    let mut hashes: HashMap<String, AccountHash> = HashMap::new();
    for (index, account) in tables.accounts.into_iter().enumerate() {
        if let ("credential", Some(hash)) = (account.provider_id.as_str(), account.password) {
            let number = index + 1;
            hashes.insert(account.user_id.to_string(), AccountHash { number, hash });
        }
    }
    let people = tables.users.into_iter().enumerate();
    let mut read = Vec::with_capacity(people.len());
    read.extend(people.map(|(index, row)| {
        let at = format!("user {}", index + 1);
        match serde_json::from_value::<UserRow>(row) {
            Err(error) => unreadable(at, None, error.to_string()),
            Ok(user) => ExportRecord {
                at,
                password_hash: hashes.remove(&user.id.to_string()).map(|it| it.hash),
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
    }));
    let mut without_user: Vec<(String, AccountHash)> = hashes.into_iter().collect();
    without_user.sort_by_key(|(_, account)| account.number);
    read.extend(without_user.into_iter().map(|(user_id, account)| {
        unreadable(
            format!("account {}", account.number),
            Some(user_id.trim_matches('"').to_owned()),
            "no user of the file has this userId as its id: add the row of `user`, or remove \
             this account"
                .to_owned(),
        )
    }));
    Ok(read)
}
