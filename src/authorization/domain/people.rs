//! People: listed, changed, made administrators and deleted.

use serde_json::{Value, json};

use crate::accounts::domain::passwords::ChosenPassword;
use crate::accounts::domain::{passwords, users};
use crate::accounts::model::email::Email;
use crate::accounts::store::passwords::{LoginName, PasswordOwner};
use crate::accounts::store::{attempts, deletion, events};
use crate::authorization::domain::caller::authenticate;
use crate::authorization::domain::change::{
    Actor, ChangeRequest, Editor, Plan, change, needed_permission, require_changeable,
    revoked_tokens,
};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::model::names::{
    AuthPermission, BUILT_IN_ROLE, BUILT_IN_SERVICE, IdOrName,
};
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::changes::ChangeSubject;
pub use crate::authorization::store::people::Person;
use crate::authorization::store::relations::Relation;
use crate::authorization::store::{changes, fetch, people, services, tokens};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::model::secret::PersonToken;
use crate::kernel::store::Statement;

/// Returns a page of the people. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn list(
    ports: &Ports,
    token: &PersonToken,
    page: PageRequest,
) -> Result<Vec<Person>, AuthorizationFailure> {
    let (caller, people) = authenticate(ports, token, &people::list(page)).await?;
    caller.require(AuthPermission::ReadPeople)?;
    Ok(people)
}

/// Returns a person. A caller needs no permission to read themselves. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn get(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
) -> Result<Person, AuthorizationFailure> {
    let reads = people::by_reference(&IdOrName::Id(id));
    let (caller, people) = authenticate(ports, token, &reads).await?;
    if caller.token.person_id != id {
        caller.require(AuthPermission::ReadPeople)?;
    }
    require_row(people, ResourceKind::User)
}

fn subject(id: i64) -> ChangeSubject {
    ChangeSubject {
        person: Some(id),
        ..ChangeSubject::default()
    }
}

/// Makes an existing person an administrator, for an operator with access to the machine.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn promote(
    ports: &Ports,
    operator: &'static str,
    person: &IdOrName,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationFailure> {
    let request = ChangeRequest {
        actor: Actor::Operator(operator),
        origin,
    };
    change(
        ports,
        request,
        &people::by_reference(person),
        |editor, people| {
            let person = require_row(people, ResourceKind::Person)?;
            let relation = Relation::PersonRole {
                person: person.id,
                service: BUILT_IN_SERVICE,
                role: BUILT_IN_ROLE,
                until: None,
            };
            let subject = ChangeSubject {
                person: Some(person.id),
                service: Some(BUILT_IN_SERVICE),
                role: Some(BUILT_IN_ROLE),
                permission: None,
            };
            let detail = json!({"username": person.username});
            let statements = vec![
                // The command line promises to end the sessions, also of an administrator.
                tokens::revoke_all(person.id),
                people::revoke_sessions(person.user, editor.now),
                relation.insert(),
                relation.bump(),
                changes::record(&editor.author(), "administrator_made", subject, &detail),
            ];
            Ok(Plan::write(AuthPermission::Administer, statements, ()))
        },
    )
    .await
}

/// The changes of a person. `None` keeps a value.
#[derive(Debug, Default)]
pub struct PersonChanges<'a> {
    /// The new username.
    pub username: Option<&'a str>,
    /// The new display name.
    pub name: Option<&'a str>,
    /// The new password.
    pub password: Option<&'a str>,
}

/// Changes a person. A new password revokes all sessions and tokens of the account. Two round
/// trips, and one more with a password.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn update(
    ports: &Ports,
    actor: Actor<'_>,
    person: &IdOrName,
    to: &PersonChanges<'_>,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationFailure> {
    let password = match to.password {
        Some(password) => {
            let chosen = choose_password(ports, actor, person, to, password).await?;
            Some(NewPassword {
                chosen,
                changed: ports.id(EventId::from_random)?,
                unchecked: ports.id(EventId::from_random)?,
            })
        }
        None => None,
    };
    let same_name = IdOrName::Name(to.username.unwrap_or_default().to_owned());
    let reads = (
        people::by_reference(person),
        people::by_reference(&same_name),
    );
    let request = ChangeRequest { actor, origin };
    change(ports, request, &reads, |editor, (people, same_name)| {
        plan_update(ports, editor, people, &same_name, to, password.as_ref())
    })
    .await
}

/// A new password with the ids of its events.
struct NewPassword {
    chosen: ChosenPassword,
    changed: EventId,
    unchecked: EventId,
}

/// Hashes the new password. Rejects a caller without the permission before the expensive hash.
async fn choose_password(
    ports: &Ports,
    actor: Actor<'_>,
    person: &IdOrName,
    to: &PersonChanges<'_>,
    password: &str,
) -> Result<ChosenPassword, AuthorizationFailure> {
    let reads = people::by_reference(person);
    let person = match actor {
        Actor::Token(token) => {
            let (caller, people) = authenticate(ports, token, &reads).await?;
            caller.require(AuthPermission::WritePeople)?;
            let person = require_row(people, ResourceKind::User)?;
            caller.require(needed_permission(
                person.of_auth,
                AuthPermission::WritePeople,
            ))?;
            person
        }
        Actor::Operator(_) => {
            let people = fetch(ports.db.as_ref(), &reads).await?;
            require_row(people, ResourceKind::User)?
        }
    };
    let about = [
        to.username.unwrap_or(&person.username),
        to.name.unwrap_or(&person.name),
        &person.email,
    ];
    let chosen = passwords::hash_chosen(ports, password, &about).await;
    chosen.map_err(Failure::widen)
}

fn plan_update(
    ports: &Ports,
    editor: &Editor<'_>,
    people: Vec<Person>,
    same_name: &[Person],
    to: &PersonChanges<'_>,
    password: Option<&NewPassword>,
) -> Result<Plan<()>, AuthorizationFailure> {
    let (person, needed) = require_changeable(editor, people)?;
    if same_name.iter().any(|other| other.id != person.id) {
        return Err(AuthorizationRejection::Exists(ResourceKind::User).into());
    }
    let username = to.username.filter(|username| *username != person.username);
    let name = to.name.filter(|name| *name != person.name);
    if username.is_none() && name.is_none() && password.is_none() {
        return Ok(Plan::Nothing(()));
    }
    let mut statements = vec![people::is_unchanged(&person)];
    if let Some(username) = username {
        // Clients cache answers by username, and another person may get the old one.
        statements.push(services::bump_of_person(person.id));
        let names = [person.username.as_str(), username];
        for [from, to] in [
            names.map(|name| PasswordOwner::from(LoginName::Username(name))),
            names.map(PasswordOwner::UsernameInAnyCase),
        ] {
            let (from, to) = (
                passwords::subject(ports, from)?,
                passwords::subject(ports, to)?,
            );
            statements.push(attempts::carry(&from, &to));
        }
        statements.extend(editor.note_change_for(person.user));
    }
    if username.is_some() || name.is_some() {
        statements.extend(people::update(&person, username, name, editor.now));
    }
    if let Some(password) = password {
        let login_name = username.unwrap_or(&person.username);
        statements.extend(set_password(ports, editor, &person, login_name, password)?);
    }
    let detail = json!({
        "username": username,
        "name": name.is_some(),
        "password": password.is_some(),
    });
    let author = editor.author();
    statements.push(changes::record(
        &author,
        "user_updated",
        subject(person.id),
        &detail,
    ));
    Ok(Plan::write(needed, statements, ()))
}

/// Returns the statements that set a password and revoke the sessions and tokens of the account.
fn set_password(
    ports: &Ports,
    editor: &Editor<'_>,
    person: &Person,
    login_name: &str,
    password: &NewPassword,
) -> Result<Vec<Statement>, AuthorizationFailure> {
    let context = ports.event_context(editor.origin, editor.now)?;
    let changed = EventContext {
        id: password.changed,
        ..context.clone()
    };
    let mut statements = Vec::new();
    if !password.chosen.checked {
        let unchecked = EventContext {
            id: password.unchecked,
            ..context
        };
        statements.push(events::about_user(
            &unchecked,
            EventKind::PasswordUnchecked,
            person.user,
        ));
    }
    // Failed attempts with the old password do not throttle the new one.
    let email = Email::from_stored(person.email.clone());
    let owners = [
        LoginName::Username(login_name).into(),
        LoginName::Email(&email).into(),
        PasswordOwner::UsernameInAnyCase(login_name),
        PasswordOwner::SignedIn(person.user),
    ];
    for owner in owners {
        let attempts_subject = passwords::subject(ports, owner)?;
        statements.push(attempts::clear_of(&attempts_subject, person.user));
    }
    statements.extend([
        events::about_user(&changed, EventKind::PasswordChanged, person.user),
        people::set_password(person.user, &password.chosen.hash, editor.now),
        people::revoke_sessions(person.user, editor.now),
        tokens::revoke_all(person.id),
    ]);
    let setter = editor.sets_credentials_of(person.user);
    statements.extend(setter.map(|setter| people::note_setter(person.user, setter)));
    Ok(statements)
}

/// Deletes a person with their account. Returns the number of revoked tokens. Two round trips, and
/// a few further ones for an account with many rows.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn delete(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
    origin: &RequestOrigin,
) -> Result<usize, AuthorizationFailure> {
    let request = ChangeRequest {
        actor: Actor::Token(token),
        origin,
    };
    let reads = people::by_reference(&IdOrName::Id(id));
    let deleted = change(ports, request, &reads, |editor, people| {
        let (person, needed) = require_changeable(editor, people)?;
        let without_address = EventContext {
            address: None,
            user_agent: None,
            ..ports.event_context(origin, editor.now)?
        };
        let author = editor.author();
        let mut statements = vec![
            people::is_unchanged(&person),
            tokens::revoke_all(id),
            services::bump_of_person(id),
            events::about_user(&without_address, EventKind::UserDeleted, person.user),
            changes::record(&author, "user_deleted", subject(id), &Value::Null),
        ];
        statements.extend(deletion::delete_by_another(person.user, editor.now));
        Ok(Plan::write_and_read(needed, statements, move |results| {
            Ok(DeletedPerson {
                user: person.user,
                revoked_tokens: revoked_tokens(results)?,
                finished: results.last().is_some_and(|rows| !rows.is_empty()),
            })
        }))
    })
    .await?;
    if !deleted.finished {
        users::remove_rest(ports, deleted.user).await;
    }
    ports.sockets.check(deleted.user).await?;
    Ok(deleted.revoked_tokens)
}

/// The outcome of a deletion.
struct DeletedPerson {
    user: UserId,
    revoked_tokens: usize,
    /// Whether no row of the account is left.
    finished: bool,
}

/// Revokes every token of a person, and their sessions, which could get new tokens. Returns the
/// number of revoked tokens. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn revoke_tokens(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
    origin: &RequestOrigin,
) -> Result<usize, AuthorizationFailure> {
    let request = ChangeRequest {
        actor: Actor::Token(token),
        origin,
    };
    let reads = people::by_reference(&IdOrName::Id(id));
    let ended = std::sync::OnceLock::new();
    let revoked = change(ports, request, &reads, |editor, people| {
        let (person, needed) = require_changeable(editor, people)?;
        ended.get_or_init(|| person.user);
        let author = editor.author();
        let statements = vec![
            people::is_unchanged(&person),
            tokens::revoke_all(id),
            people::revoke_sessions(person.user, editor.now),
            changes::record(&author, "tokens_revoked", subject(id), &Value::Null),
        ];
        Ok(Plan::write_and_read(needed, statements, revoked_tokens))
    })
    .await?;
    if let Some(user) = ended.get() {
        ports.sockets.check(*user).await?;
    }
    Ok(revoked)
}
