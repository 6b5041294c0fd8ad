//! A record of an export, before it is checked.

use crate::authorization::domain::foreign_people::ExportedPerson;
use crate::authorization::model::names;
use crate::authorization::model::policy_document::PersonEntry;
use crate::kernel::model::text;

/// A record of an export.
#[derive(Default)]
pub(super) struct ExportRecord {
    /// Where the record is, such as `line 3`.
    pub(super) at: String,
    /// The id that the other service gave.
    pub(super) id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    /// Whether the other service refuses the person.
    pub(super) blocked: bool,
    pub(super) password_hash: Option<String>,
}

impl ExportRecord {
    /// Returns a person, or the reason if the record cannot be one.
    ///
    /// The username is that of the record. Without a fit one it is the email address, and if the
    /// address has a character that no username has, the id.
    pub(super) fn into_person(self) -> ExportedPerson {
        let username = filled(self.username);
        let email = filled(self.email).map(|email| email.trim().to_ascii_lowercase());
        let label = [&username, &email, &self.id]
            .into_iter()
            .flatten()
            .next()
            .map_or_else(|| "no name".to_owned(), |label| shown(label));
        let is_nameless = username.is_none() && email.is_none();
        let fit = [&username, &email, &self.id]
            .into_iter()
            .flatten()
            .find_map(|text| names::username(text));
        let person = match fit {
            _ if self.blocked => Err("the other service blocks the person".to_owned()),
            _ if is_nameless => Err("the record has no username and no email address".to_owned()),
            None => {
                Err("the record has no username of 1 to 64 letters, digits and ._@+-".to_owned())
            }
            Some(username) => Ok(PersonEntry {
                username,
                name: self
                    .name
                    .and_then(|name| text::cleaned_name(&name))
                    .unwrap_or_default(),
                email,
                person_type: None,
                document_type: None,
                document_number: None,
                password_hash: filled(self.password_hash),
                credentials_by: None,
            }),
        };
        ExportedPerson {
            record: self.at,
            label,
            person,
        }
    }
}

/// Returns the outcome of a record that cannot be read.
pub(super) fn unreadable(at: String, label: Option<String>, reason: String) -> ExportedPerson {
    ExportedPerson {
        record: at,
        label: label.map_or_else(|| "no name".to_owned(), |label| shown(&label)),
        person: Err(reason),
    }
}

/// Returns a text without control characters, because a report goes to a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(200)
        .collect()
}

/// Returns a text unless it is empty.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
