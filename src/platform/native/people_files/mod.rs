//! Readers of the export files of other services. Each gives the people of a file, a record at a
//! time, with the reason for each record that cannot be imported.

mod auth0;
mod auth0_hash;
mod better_auth;
mod clerk;
mod firebase;
mod record;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;

use crate::authorization::domain::foreign_people::ExportedPerson;
use crate::authorization::model::policy_document::PolicyDocument;

/// The remedy for a file that `export` did not write.
const OF_ANOTHER: &str = "If another service wrote the file, name it: --from better-auth, auth0, \
     clerk or firebase";

/// The service that wrote an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Source {
    /// The tables `user` and `account` of better-auth, as JSON.
    BetterAuth,
    /// A bulk export of users, or a file for a bulk import.
    Auth0,
    /// The CSV file of the dashboard.
    Clerk,
    /// The JSON file of `firebase auth:export`.
    Firebase,
}

/// The files of an export.
pub(super) struct ExportFiles<'a> {
    /// The people.
    pub(super) people: &'a Path,
    /// The password hashes, which Auth0 exports to a file of its own.
    pub(super) passwords: Option<&'a PathBuf>,
    /// The parameters of the hashes of a Firebase project.
    pub(super) hash_config: Option<&'a PathBuf>,
}

/// Returns the people of an export.
///
/// # Errors
/// A file that cannot be read, or is not of the form of the source.
pub(super) fn read(
    source: Source,
    files: &ExportFiles<'_>,
) -> Result<Vec<ExportedPerson>, Box<dyn Error>> {
    let text = read_text(files.people)?;
    let of_people = |error: Box<dyn Error>| named(files.people, &*error);
    match source {
        Source::BetterAuth => better_auth::read(&text).map_err(of_people),
        Source::Auth0 => {
            let hashes = match files.passwords {
                Some(file) => Some(read_text(file)?),
                None => None,
            };
            auth0::read(&text, hashes.as_deref()).map_err(of_people)
        }
        Source::Clerk => clerk::read(&text).map_err(of_people),
        Source::Firebase => {
            let config = match files.hash_config {
                Some(file) => Some(
                    firebase::HashConfig::parse(&read_text(file)?)
                        .map_err(|error| named(file, &*error))?,
                ),
                None => None,
            };
            firebase::read(&text, config.as_ref()).map_err(of_people)
        }
    }
}

/// Returns the document that `export` wrote.
///
/// # Errors
/// Text of another form, with the remedy.
pub(super) fn read_own(text: &str) -> Result<PolicyDocument, String> {
    let text = text.trim_start_matches('\u{feff}');
    let json: Value = serde_json::from_str(text)
        .map_err(|error| format!("this is not JSON: {error}. {OF_ANOTHER}"))?;
    if !json.is_object() {
        return Err(format!("this is not a document of `export`. {OF_ANOTHER}"));
    }
    // From the text, so that an error names the line.
    serde_json::from_str(text)
        .map_err(|error| format!("this is not a document of `export`: {error}. {OF_ANOTHER}"))
}

/// Reads a file, without the byte order mark that editors of Windows write.
fn read_text(file: &Path) -> Result<String, Box<dyn Error>> {
    let text = fs::read_to_string(file).map_err(|error| named(file, &error))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Names the file in an error.
fn named(file: &Path, error: &dyn Error) -> Box<dyn Error> {
    format!("{}: {error}", file.display()).into()
}
