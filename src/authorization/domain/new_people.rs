//! The creation of people and of the first administrator.

use serde_json::json;

use crate::accounts::domain::passwords;
use crate::accounts::domain::passwords::ChosenPassword;
use crate::accounts::model::email::Email;
use crate::accounts::store::events;
use crate::authorization::domain::caller::authenticate;
use crate::authorization::domain::change::{
    Actor, ChangeRequest, Editor, Plan, change, created_id,
};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind,
};
use crate::authorization::model::names::{AuthPermission, IdOrName};
use crate::authorization::store::changes::CreatedKind;
use crate::authorization::store::people::NewPersonRow;
use crate::authorization::store::{changes, people, preconditions};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, UserId};

pub use crate::authorization::store::people::IdentityDocument;

/// A person to create. All values are validated.
#[derive(Clone, Debug)]
pub struct NewPerson<'a> {
    /// The username.
    pub username: &'a str,
    /// The display name.
    pub name: &'a str,
    /// The email address, if the person has one. It is not verified.
    pub email: Option<&'a Email>,
    /// `N` for a natural person or `J` for a legal person.
    pub person_type: Option<&'a str>,
    /// The identity document, if the person has one.
    pub document: Option<IdentityDocument<'a>>,
}

/// Creates an account and a person with a password. Returns the person's id. Two round trips, and
/// one before the password is hashed.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn create(
    ports: &Ports,
    actor: Actor<'_>,
    new: &NewPerson<'_>,
    password: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationFailure> {
    // Rejects a caller without the permission before the expensive hash.
    if let Actor::Token(token) = actor {
        let (caller, ()) = authenticate(ports, token, &()).await?;
        caller.require(AuthPermission::WritePeople)?;
    }
    let request = ChangeRequest { actor, origin };
    insert(ports, request, new, password, Administration::None).await
}

/// Creates a person who is an administrator, for an operator with access to the machine. Two round
/// trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn create_administrator(
    ports: &Ports,
    operator: &'static str,
    new: &NewPerson<'_>,
    password: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationFailure> {
    let request = ChangeRequest {
        actor: Actor::Operator(operator),
        origin,
    };
    insert(ports, request, new, password, Administration::Granted).await
}

/// Creates the first administrator. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection::Closed`] if an administrator exists.
pub async fn bootstrap(
    ports: &Ports,
    operator: &'static str,
    new: &NewPerson<'_>,
    password: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationFailure> {
    let request = ChangeRequest {
        actor: Actor::Operator(operator),
        origin,
    };
    insert(ports, request, new, password, Administration::First).await
}

/// Whether a created person is an administrator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Administration {
    /// The person is not an administrator.
    None,
    /// The person is an administrator.
    Granted,
    /// The person is the first administrator. The creation fails if another one exists.
    First,
}

/// The ids and the password of a creation.
struct Creation<'a> {
    new: &'a NewPerson<'a>,
    password: ChosenPassword,
    user: UserId,
    created: EventId,
    unchecked: EventId,
    administration: Administration,
}

async fn insert(
    ports: &Ports,
    request: ChangeRequest<'_>,
    new: &NewPerson<'_>,
    password: &str,
    administration: Administration,
) -> Result<i64, AuthorizationFailure> {
    let email = new.email.map_or("", Email::as_str);
    let password = passwords::hash_chosen(ports, password, &[new.username, new.name, email])
        .await
        .map_err(Failure::widen)?;
    let creation = Creation {
        new,
        password,
        user: ports.id(UserId::from_random)?,
        created: ports.id(EventId::from_random)?,
        unchecked: ports.id(EventId::from_random)?,
        administration,
    };
    let reads = (
        people::by_reference(&IdOrName::Name(new.username.to_owned())),
        people::with_document(new.document.unwrap_or_default()),
        preconditions::administrators(),
    );
    change(
        ports,
        request,
        &reads,
        |editor, (same_name, same_document, administrators)| {
            editor.require(AuthPermission::WritePeople)?;
            if administration == Administration::First && !administrators.is_empty() {
                return Err(AuthorizationRejection::Closed.into());
            }
            if !same_name.is_empty() {
                return Err(AuthorizationRejection::Exists(ResourceKind::User).into());
            }
            if !same_document.is_empty() {
                return Err(AuthorizationRejection::Exists(ResourceKind::Document).into());
            }
            creation.plan(ports, editor)
        },
    )
    .await
}

impl Creation<'_> {
    fn plan(&self, ports: &Ports, editor: &Editor<'_>) -> Result<Plan<i64>, AuthorizationFailure> {
        let context = ports.event_context(editor.origin, editor.now)?;
        let mut statements = Vec::new();
        if self.administration == Administration::First {
            statements.push(preconditions::no_administrator_exists());
        }
        let placeholder = Email::placeholder(self.user);
        let row = NewPersonRow {
            user: self.user,
            id: None,
            email: self.new.email.unwrap_or(&placeholder).as_str(),
            username: self.new.username,
            name: self.new.name,
            person_type: self.new.person_type,
            document: self.new.document,
            password: Some(&self.password.hash),
            set_by: editor.sets_credentials_of(self.user),
        };
        statements.extend(row.insert(editor.now));
        let created = EventContext {
            id: self.created,
            ..context.clone()
        };
        statements.push(events::about_user(
            &created,
            EventKind::UserCreated,
            self.user,
        ));
        if !self.password.checked {
            let unchecked = EventContext {
                id: self.unchecked,
                ..context
            };
            statements.push(events::about_user(
                &unchecked,
                EventKind::PasswordUnchecked,
                self.user,
            ));
        }
        let author = editor.author();
        let detail = json!({"username": self.new.username});
        let record = |action| {
            let kind = CreatedKind::Person;
            changes::record_by_name(&author, action, kind, self.new.username, &detail)
        };
        statements.push(record("user_created"));
        if self.administration != Administration::None {
            statements.push(people::grant_administrator(self.user));
            statements.push(record("administrator_made"));
        }
        Ok(Plan::write_and_read(
            AuthPermission::WritePeople,
            statements,
            created_id,
        ))
    }
}
