//! The export and the import of the whole policy as one document.
//!
//! An import creates missing rows and updates rows that the document describes differently. It
//! removes nothing. It plans all steps first, and writes them in one batch.

use std::collections::BTreeMap;

use crate::authorization::domain::import_plan;
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::AuthorizationFailure;
use crate::authorization::model::policy_document::PolicyDocument;
use crate::authorization::store::changes::{ChangeAuthor, CreatedKind};
use crate::authorization::store::import::{ImportContext, ImportStep};
use crate::authorization::store::{growth, import, policy_document, services};
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Precondition, StoreError};

/// The reasons to reject an import.
#[derive(Debug, thiserror::Error)]
pub enum ImportRejection {
    /// The document has problems. Holds all of them.
    #[error("the document cannot be imported. Correct these problems:\n  - {}", .0.join("\n  - "))]
    Invalid(Vec<String>),
    /// The database is not empty.
    #[error("the database has people, services, roles or permissions. Use an empty database")]
    NotEmpty,
    /// A person would gain a permission in the service `auth`, and another person set their
    /// password or username, or removed their factors.
    #[error(
        "the document grants a permission in the service auth to a person whose password another \
         person set, or whose username or factors another person changed. Set a new password with \
         `admin password` first"
    )]
    NotOwn,
    /// A concurrent change altered the policy.
    #[error("the policy changed during the import. Repeat the import")]
    Contended,
    /// The database would exceed a quota.
    #[error(
        "the import would exceed a limit of services, roles, permissions or grants \
         (docs/LIMITS.md). Expired grants and grants of deleted entries count until maintenance \
         has removed them. Remove entries from the document or from the database"
    )]
    TooManyEntries,
    /// The database or the CSPRNG failed.
    #[error(transparent)]
    Failed(#[from] AuthorizationFailure),
}

impl From<StoreError> for ImportRejection {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NoEntropy> for ImportRejection {
    fn from(error: NoEntropy) -> Self {
        Self::Failed(error.into())
    }
}

/// Returns the whole policy. Includes the password hashes only if `with_passwords` is set. One
/// round trip.
///
/// # Errors
/// [`ImportRejection`]
pub async fn export(
    ports: &Ports,
    with_passwords: bool,
) -> Result<PolicyDocument, ImportRejection> {
    let mut document = policy_document::read_policy(ports.db.as_ref()).await?;
    if !with_passwords {
        for person in &mut document.people {
            person.password_hash = None;
            person.credentials_by = None;
        }
    }
    Ok(document)
}

/// Returns the number of accounts that an export leaves out, because they are no people. One round
/// trip.
///
/// # Errors
/// [`ImportRejection`]
pub async fn count_other_accounts(ports: &Ports) -> Result<usize, ImportRejection> {
    let count = policy_document::count_other_accounts(ports.db.as_ref()).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Imports a document and returns its steps as sentences. A `dry_run` writes nothing.
///
/// # Errors
/// [`ImportRejection`]
pub async fn import(
    ports: &Ports,
    wanted: &PolicyDocument,
    dry_run: bool,
    origin: &RequestOrigin,
) -> Result<Vec<String>, ImportRejection> {
    let existing = policy_document::read_policy(ports.db.as_ref()).await?;
    let steps = plan(ports, &existing, wanted)?;
    if !dry_run && !steps.is_empty() {
        write(ports, &steps, Ids::Next, origin).await?;
    }
    Ok(steps.iter().map(ToString::to_string).collect())
}

/// Imports a document into an empty database, with ids in the order of the document. Returns the
/// number of steps.
///
/// # Errors
/// [`ImportRejection::NotEmpty`]
pub async fn seed(
    ports: &Ports,
    wanted: &PolicyDocument,
    origin: &RequestOrigin,
) -> Result<usize, ImportRejection> {
    let existing = policy_document::read_policy(ports.db.as_ref()).await?;
    if existing != PolicyDocument::default() {
        return Err(ImportRejection::NotEmpty);
    }
    let steps = plan(ports, &existing, wanted)?;
    write(ports, &steps, Ids::InOrder, origin).await?;
    Ok(steps.len())
}

fn plan(
    ports: &Ports,
    existing: &PolicyDocument,
    wanted: &PolicyDocument,
) -> Result<Vec<ImportStep>, ImportRejection> {
    let (settings, now) = (&ports.config.passwords, ports.clock.now());
    import_plan::plan(existing, wanted, settings, now).map_err(ImportRejection::Invalid)
}

/// The ids of created rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// The next ids of the database.
    Next,
    /// 1, 2, 3, … for each kind of row.
    InOrder,
}

/// Writes all steps in one batch.
pub(super) async fn write(
    ports: &Ports,
    steps: &[ImportStep],
    ids: Ids,
    origin: &RequestOrigin,
) -> Result<(), ImportRejection> {
    let now = ports.clock.now();
    let author = ChangeAuthor {
        person: None,
        name: origin.actor.clone(),
        request_id: origin.request_id.clone(),
        at: now,
    };
    let mut last_ids: BTreeMap<CreatedKind, i64> = BTreeMap::new();
    let mut batch = vec![growth::note_access(now)];
    for step in steps {
        let next_id = step.created_kind().map(|kind| {
            let last = last_ids.entry(kind).or_default();
            *last = last.saturating_add(1);
            *last
        });
        let context = ImportContext {
            id: next_id.filter(|_| ids == Ids::InOrder),
            user: ports.id(UserId::from_random)?,
            event: ports.event_context(origin, now)?,
            author: &author,
        };
        batch.extend(import::statements(step, &context));
    }
    batch.push(services::bump_all());
    batch.extend(growth::end_sessions(now));
    batch.extend(steps.iter().filter_map(import::note_setter));
    match ports.db.batch(batch).await {
        Ok(_) => Ok(()),
        Err(StoreError::Refused(Precondition::Owner)) => Err(ImportRejection::NotOwn),
        Err(StoreError::Refused(Precondition::Quota)) => Err(ImportRejection::TooManyEntries),
        Err(StoreError::Conflict(_) | StoreError::Refused(_)) => Err(ImportRejection::Contended),
        Err(error) => Err(error.into()),
    }
}
