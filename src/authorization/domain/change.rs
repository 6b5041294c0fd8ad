//! Changes of the policy: read, decide, write under preconditions, and start again if a concurrent
//! change won.

use crate::authorization::domain::caller::{AuthenticatedPerson, resolve_caller};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::changes::ChangeAuthor;
use crate::authorization::store::people::{CredentialSetter, Person};
use crate::authorization::store::uses::ResourceUser;
use crate::authorization::store::{Reads, growth, people, preconditions};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::PersonToken;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Precondition, Rows, Statement, StoreError};

/// How often a change is attempted before it gives way to concurrent changes.
const ATTEMPTS: usize = 4;

/// The originator of a change, before it is known whether they may make it.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// The owner of a token.
    Token(&'a PersonToken),
    /// An operator with access to the machine or with the bootstrap secret. Holds the name for the
    /// change log.
    Operator(&'static str),
}

/// The originator of a change and the origin of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeRequest<'a> {
    /// The originator.
    pub(super) actor: Actor<'a>,
    /// The origin of the request.
    pub(super) origin: &'a RequestOrigin,
}

/// The originator of a change whose token was read.
#[derive(Debug)]
pub(super) struct Editor<'a> {
    /// The authenticated caller. `None` for an operator.
    pub(super) caller: Option<AuthenticatedPerson>,
    operator: &'static str,
    pub(super) origin: &'a RequestOrigin,
    /// The time of the change.
    pub(super) now: Timestamp,
}

impl Editor<'_> {
    /// Requires that the caller has a permission in the service `auth`. An operator needs none.
    ///
    /// # Errors
    /// [`AuthorizationRejection::Forbidden`]
    pub(super) fn require(&self, permission: AuthPermission) -> Result<(), AuthorizationFailure> {
        self.caller
            .as_ref()
            .map_or(Ok(()), |caller| caller.require(permission))
    }

    /// Returns the users of a row, or none if the editor may not read them.
    pub(super) fn visible(&self, uses: Vec<ResourceUser>) -> Vec<ResourceUser> {
        if self.require(AuthPermission::ReadPolicy).is_ok() {
            uses
        } else {
            Vec::new()
        }
    }

    /// Returns whose choice a password is that the editor sets for the account `owner`: `None` if
    /// it is the owner's own.
    pub(super) fn sets_credentials_of(&self, owner: UserId) -> Option<CredentialSetter> {
        match &self.caller {
            None => Some(CredentialSetter::Operator),
            Some(caller) if caller.token.user == owner => None,
            Some(caller) => Some(CredentialSetter::Person(caller.token.user)),
        }
    }

    /// Returns the note about a change by the editor of how `owner` signs in. Without it the editor
    /// could get another account promoted, by its username. There is none about a change by the
    /// owner, and none about one by an administrator, who could take the permission themselves.
    pub(super) fn note_change_for(&self, owner: UserId) -> Option<Statement> {
        self.require(AuthPermission::Administer).err()?;
        let setter = self.sets_credentials_of(owner)?;
        Some(people::note_change(owner, setter))
    }

    /// Returns the author for the change log.
    pub(super) fn author(&self) -> ChangeAuthor {
        let caller = self.caller.as_ref().map(|caller| &caller.token);
        ChangeAuthor {
            person: caller.map(|token| token.person_id),
            name: caller
                .map_or(self.operator, |token| &token.username)
                .to_owned(),
            request_id: self.origin.request_id.clone(),
            at: self.now,
        }
    }
}

/// Returns the permission that a change needs: `Administer` for a change that concerns the service
/// `auth`, otherwise `usual`.
pub(super) const fn needed_permission(of_auth: bool, usual: AuthPermission) -> AuthPermission {
    if of_auth {
        AuthPermission::Administer
    } else {
        usual
    }
}

/// Requires that the editor may change the person. Returns the person and the needed permission.
///
/// # Errors
/// [`AuthorizationRejection`]
pub(super) fn require_changeable(
    editor: &Editor<'_>,
    people: Vec<Person>,
) -> Result<(Person, AuthPermission), AuthorizationFailure> {
    editor.require(AuthPermission::WritePeople)?;
    let person = require_row(people, ResourceKind::User)?;
    let needed = needed_permission(person.of_auth, AuthPermission::WritePeople);
    editor.require(needed)?;
    Ok((person, needed))
}

/// Reads the outcome of a write from the results of its statements.
type ReadOutcome<T> = Box<dyn FnOnce(&[Rows]) -> Result<T, StoreError> + Send>;

/// The decision about a change.
pub(super) enum Plan<T> {
    /// Nothing has to be written. Holds the outcome.
    Nothing(T),
    /// Statements have to be written.
    Write(PlannedWrite<T>),
}

/// The statements of a change.
pub(super) struct PlannedWrite<T> {
    needed: AuthPermission,
    statements: Vec<Statement>,
    read_outcome: ReadOutcome<T>,
}

impl<T> Plan<T> {
    /// Plans statements. `read_outcome` reads the outcome from their results.
    pub(super) fn write_and_read(
        needed: AuthPermission,
        statements: Vec<Statement>,
        read_outcome: impl FnOnce(&[Rows]) -> Result<T, StoreError> + Send + 'static,
    ) -> Self {
        Self::Write(PlannedWrite {
            needed,
            statements,
            read_outcome: Box::new(read_outcome),
        })
    }
}

impl<T: Send + 'static> Plan<T> {
    /// Plans statements with a known outcome.
    pub(super) fn write(needed: AuthPermission, statements: Vec<Statement>, outcome: T) -> Self {
        Self::write_and_read(needed, statements, move |_| Ok(outcome))
    }
}

impl Plan<()> {
    /// Replaces the outcome.
    pub(super) fn with_outcome<T: Send + 'static>(self, outcome: T) -> Plan<T> {
        match self {
            Self::Nothing(()) => Plan::Nothing(outcome),
            Self::Write(write) => Plan::write(write.needed, write.statements, outcome),
        }
    }
}

/// Runs a change: reads, lets `decide` plan, and writes. Starts again if a concurrent change
/// altered the rows that `decide` saw. Two round trips for each attempt.
///
/// # Errors
/// [`AuthorizationRejection::Contended`] if concurrent changes won every attempt.
pub(super) async fn change<R: Reads, T>(
    ports: &Ports,
    request: ChangeRequest<'_>,
    reads: &R,
    mut decide: impl FnMut(&Editor<'_>, R::Output) -> Result<Plan<T>, AuthorizationFailure>,
) -> Result<T, AuthorizationFailure> {
    for _ in 0..ATTEMPTS {
        let (editor, results) = load(ports, request, reads.statements()).await?;
        let write = match decide(&editor, reads.read(&results)?)? {
            Plan::Nothing(outcome) => return Ok(outcome),
            Plan::Write(write) => write,
        };
        let written = commit(ports, &editor, write.needed, write.statements).await?;
        if let Some(results) = written {
            return Ok((write.read_outcome)(&results)?);
        }
    }
    Err(AuthorizationRejection::Contended.into())
}

/// Authenticates the actor and returns the results of `statements`.
async fn load<'a>(
    ports: &Ports,
    request: ChangeRequest<'a>,
    statements: Vec<Statement>,
) -> Result<(Editor<'a>, Vec<Rows>), AuthorizationFailure> {
    let origin = request.origin;
    match request.actor {
        Actor::Token(token) => {
            let (caller, results) = resolve_caller(ports, token, statements).await?;
            let now = caller.now;
            let editor = Editor {
                caller: Some(caller),
                operator: "",
                origin,
                now,
            };
            Ok((editor, results))
        }
        Actor::Operator(operator) => {
            let results = ports.db.batch(statements).await?;
            let editor = Editor {
                caller: None,
                operator,
                origin,
                now: ports.clock.now(),
            };
            Ok((editor, results))
        }
    }
}

/// Writes the statements under the preconditions that the caller still has the permission and that
/// an administrator remains. Ends the sessions of people who gain a permission in the service
/// `auth`. Returns the results, or `None` if a precondition of the statements failed.
async fn commit(
    ports: &Ports,
    editor: &Editor<'_>,
    needed: AuthPermission,
    statements: Vec<Statement>,
) -> Result<Option<Vec<Rows>>, AuthorizationFailure> {
    editor.require(needed)?;
    let length = statements.len();
    let mut batch = Vec::with_capacity(length.saturating_add(8));
    if let Some(caller) = &editor.caller {
        batch.push(preconditions::caller_may(&caller.hash, needed, editor.now));
    }
    // No other change can add to the permissions of a person in the service `auth`.
    let may_grow = needed == AuthPermission::Administer || editor.caller.is_none();
    batch.extend(may_grow.then(|| growth::note_access(editor.now)));
    let start = batch.len();
    batch.extend(statements);
    if may_grow {
        batch.extend(growth::end_sessions(editor.now));
    }
    if editor.caller.is_some() {
        batch.push(preconditions::administrator_remains());
    }
    match ports.db.batch(batch).await {
        Ok(results) => Ok(Some(results.into_iter().skip(start).take(length).collect())),
        // A caller who lost the permission is rejected by the next attempt, with its own reason.
        Err(
            StoreError::Refused(Precondition::Subject | Precondition::Caller)
            | StoreError::Conflict(_),
        ) => Ok(None),
        Err(StoreError::Refused(Precondition::Owner)) => {
            Err(AuthorizationRejection::CredentialsNotOwn.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the id of the row that a write created: the first row that its statements return.
pub(super) fn created_id(results: &[Rows]) -> Result<i64, StoreError> {
    results.iter().flatten().next().map_or_else(
        || Err(StoreError::Broken("no row was inserted".to_owned())),
        |row| row.integer("id"),
    )
}

/// Returns the number of tokens that a write revoked. The write begins with a precondition about
/// the person and the revocation.
pub(super) fn revoked_tokens(results: &[Rows]) -> Result<usize, StoreError> {
    match results {
        [_is_unchanged, revoked, ..] => Ok(revoked.len()),
        _ => Err(StoreError::Broken("no tokens were revoked".to_owned())),
    }
}
