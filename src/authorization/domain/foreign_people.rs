//! The import of people from the export of another service.
//!
//! Each record of the export has an outcome of its own, so that a refused record does not stop the
//! others. An existing account is never changed, so a second import of a file changes nothing.

use std::collections::BTreeSet;
use std::fmt;

use crate::accounts::model::email::Email;
use crate::authorization::domain::import_checks::person_problems;
use crate::authorization::domain::import_plan::with_stored_hash;
use crate::authorization::domain::policy_document::{Ids, ImportRejection, write};
use crate::authorization::domain::ports::Ports;
use crate::authorization::model::policy_document::PersonEntry;
use crate::authorization::store::fetch;
use crate::authorization::store::import::ImportStep;
use crate::authorization::store::people::verified_addresses;
use crate::authorization::store::policy_document;
use crate::kernel::domain::RequestOrigin;

/// The number of people that one batch creates. A running server waits for the batch.
const BATCH: usize = 500;

/// A record of an export.
#[derive(Debug)]
pub struct ExportedPerson {
    /// Where the record is, such as `line 3`.
    pub record: String,
    /// What the person is called in the report.
    pub label: String,
    /// The person, or the reason why the record cannot be imported.
    pub person: Result<PersonEntry, String>,
}

/// What an import did with a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordOutcome {
    /// The person was created, or would be in a dry run.
    Made {
        /// Whether the person has a password.
        has_password: bool,
    },
    /// An account has the username, or has verified the email address.
    Exists,
    /// The person was not created, for this reason.
    Refused(String),
}

/// The outcome of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordReport {
    /// Where the record is.
    pub record: String,
    /// What the person is called.
    pub label: String,
    /// What the import did.
    pub outcome: RecordOutcome,
    /// Whether the import wrote nothing.
    pub dry_run: bool,
}

impl fmt::Display for RecordReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.record, self.label)?;
        match &self.outcome {
            RecordOutcome::Made { .. } if self.dry_run => f.write_str("would be made"),
            RecordOutcome::Made { .. } => f.write_str("made"),
            RecordOutcome::Exists => f.write_str("already there"),
            RecordOutcome::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}

/// Creates the people of an export and returns the outcome of each record. A `dry_run` writes
/// nothing.
///
/// # Errors
/// [`ImportRejection`]. The batches before the failure are written. A repeated import goes on.
pub async fn import(
    ports: &Ports,
    exported: Vec<ExportedPerson>,
    dry_run: bool,
    origin: &RequestOrigin,
) -> Result<Vec<RecordReport>, ImportRejection> {
    let existing = policy_document::read_policy(ports.db.as_ref()).await?;
    let verified: Vec<String> = fetch(ports.db.as_ref(), &verified_addresses()).await?;
    let mut known = KnownPeople {
        existing: existing.people.into_iter().map(|it| it.username).collect(),
        verified: verified.into_iter().collect(),
        planned: BTreeSet::new(),
    };
    let mut steps = Vec::new();
    let mut reports = Vec::with_capacity(exported.len());
    for ExportedPerson {
        record,
        label,
        person,
    } in exported
    {
        let outcome = match person {
            Err(reason) => RecordOutcome::Refused(reason),
            Ok(person) => {
                let problems: Vec<_> = person_problems(&person, &ports.config.passwords).collect();
                let outcome = if problems.is_empty() {
                    known.outcome_of(&person)
                } else {
                    RecordOutcome::Refused(problems.join("; "))
                };
                if matches!(outcome, RecordOutcome::Made { .. }) {
                    let stored = with_stored_hash(&person, &ports.config.passwords);
                    steps.push(ImportStep::Person(stored));
                }
                outcome
            }
        };
        reports.push(RecordReport {
            record,
            label,
            outcome,
            dry_run,
        });
    }
    if !dry_run {
        for batch in steps.chunks(BATCH) {
            write(ports, batch, Ids::Next, origin).await?;
        }
    }
    Ok(reports)
}

/// The people who exist, and those whom the import creates.
struct KnownPeople {
    existing: BTreeSet<String>,
    /// The verified email addresses of all accounts.
    verified: BTreeSet<String>,
    planned: BTreeSet<String>,
}

impl KnownPeople {
    fn outcome_of(&mut self, person: &PersonEntry) -> RecordOutcome {
        let email = person.email.as_deref().and_then(Email::parse);
        let is_verified = email.is_some_and(|email| self.verified.contains(email.as_str()));
        if self.existing.contains(&person.username) || is_verified {
            RecordOutcome::Exists
        } else if self.planned.insert(person.username.clone()) {
            RecordOutcome::Made {
                has_password: person.password_hash.is_some(),
            }
        } else {
            RecordOutcome::Refused(format!(
                "another record of the file has the username {}",
                person.username
            ))
        }
    }
}
