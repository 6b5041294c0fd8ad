//! People: listed, made, changed, deleted; the first administrator.

use serde_json::json;

use crate::accounts::domain::passwords;
use crate::accounts::domain::passwords::Chosen;
use crate::accounts::model::email::Email;
use crate::accounts::store::passwords::LoginName;
use crate::accounts::store::{attempts, events};
use crate::authorization::domain::Ports;
use crate::authorization::domain::{
    Actor, AuthorizationError, Caller, Kind, Plan, called, change, found, inserted,
};
use crate::authorization::model::names::{AuthPermission, no_address};
use crate::authorization::store::changes;
use crate::authorization::store::changes::About;
use crate::authorization::store::grants::Relation;
use crate::authorization::store::people;
use crate::authorization::store::people::{New, Person};
use crate::authorization::store::tokens;
use crate::authorization::store::{
    ADMINISTRATOR_ROLE, AUTH_SERVICE, Page, Ref, preconditions, services,
};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::model::secret::PersonToken;
use crate::kernel::store::{Rows, Statement};

/// A page of all of them. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn list(
    ports: &Ports,
    token: &PersonToken,
    page: Page,
) -> Result<Vec<Person>, AuthorizationError> {
    let (caller, list) = called(ports, token, &people::list(page)).await?;
    caller.needs(AuthPermission::ReadPeople)?;
    Ok(list)
}

/// One of them; oneself needs no permission. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn one(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
) -> Result<Person, AuthorizationError> {
    let (caller, list) = called(ports, token, &people::named(&Ref::Id(id))).await?;
    if caller.bearer.person != id {
        caller.needs(AuthPermission::ReadPeople)?;
    }
    found(list, Kind::User)
}

/// Somebody to make. What stands here was read and bounded.
#[derive(Clone, Debug)]
pub struct NewPerson<'a> {
    /// Their username.
    pub username: &'a str,
    /// Their name.
    pub name: &'a str,
    /// Their address, if they told one. Nobody vouches for it.
    pub email: Option<&'a Email>,
    /// `N` or `J`.
    pub person_type: Option<&'a str>,
    /// What their document is, and its number.
    pub document: Option<(&'a str, &'a str)>,
}

/// Makes an account and a person with a password. Two round trips, and a hash before them.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn create(
    ports: &Ports,
    actor: Actor<'_>,
    new: &NewPerson<'_>,
    password: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationError> {
    // Who may not is told before anything is hashed for them.
    if let Actor::Token(token) = actor {
        let (caller, ()) = called(ports, token, &()).await?;
        caller.needs(AuthPermission::WritePeople)?;
    }
    let chosen = passwords::choose(ports, password, &[new.username, new.name]).await?;
    make(ports, actor, (new, &chosen), Administers::No, origin).await
}

/// Makes somebody who administers the service: for whoever has the machine. Two round trips, and a
/// hash before them.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn create_administrator(
    ports: &Ports,
    operator: &'static str,
    new: &NewPerson<'_>,
    password: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationError> {
    let chosen = passwords::choose(ports, password, &[new.username, new.name]).await?;
    make(
        ports,
        Actor::Operator(operator),
        (new, &chosen),
        Administers::Yes,
        origin,
    )
    .await
}

/// Whether somebody who is made administers the service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Administers {
    No,
    Yes,
    /// As the first one: only as long as there is none.
    First,
}

/// Makes the first administrator: only as long as there is none. Two round trips, and a hash before
/// them.
///
/// # Errors
/// [`AuthorizationError::Closed`] if there is one.
pub async fn bootstrap(
    ports: &Ports,
    operator: &'static str,
    new: &NewPerson<'_>,
    password: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationError> {
    let chosen = passwords::choose(ports, password, &[new.username, new.name]).await?;
    make(
        ports,
        Actor::Operator(operator),
        (new, &chosen),
        Administers::First,
        origin,
    )
    .await
}

async fn make(
    ports: &Ports,
    actor: Actor<'_>,
    (new, chosen): (&NewPerson<'_>, &Chosen),
    administers: Administers,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationError> {
    let user = ports.id(UserId::from_random)?;
    let nowhere = no_address(user);
    let (created, unchecked) = (
        ports.id(EventId::from_random)?,
        ports.id(EventId::from_random)?,
    );
    let called_so = Ref::Name(new.username.to_owned());
    let (kind, number) = new.document.unwrap_or_default();
    let what = (
        people::named(&called_so),
        people::with_document(kind, number),
        preconditions::administrators(),
    );
    change(
        ports,
        (actor, origin),
        &what,
        |who, (same_name, same_document, administrators)| {
            who.needs(AuthPermission::WritePeople)?;
            if administers == Administers::First && !administrators.is_empty() {
                return Err(AuthorizationError::Closed);
            }
            if !same_name.is_empty() {
                return Err(AuthorizationError::Exists(Kind::User));
            }
            if !same_document.is_empty() {
                return Err(AuthorizationError::Exists(Kind::Document));
            }
            let row = New {
                user,
                id: None,
                email: new.email.map_or(nowhere.as_str(), Email::as_str),
                username: new.username,
                name: new.name,
                person_type: new.person_type,
                document: new.document,
                password: Some(&chosen.hash),
            };
            let context = ports.event_context(origin, who.now)?;
            let mut statements = row.insert(who.now);
            statements.push(events::about_user(
                &context.with_id(created),
                EventKind::UserCreated,
                user,
            ));
            if !chosen.checked {
                statements.push(events::about_user(
                    &EventContext {
                        id: unchecked,
                        ..context
                    },
                    EventKind::PasswordUnchecked,
                    user,
                ));
            }
            statements.push(changes::note_made(
                &who.by(),
                "user_created",
                "person",
                new.username,
                &json!({"username": new.username}),
            ));
            if administers == Administers::First {
                statements.insert(0, preconditions::no_administrator());
            }
            if administers != Administers::No {
                statements.push(people::grant_administrator(user));
                statements.push(changes::note_made(
                    &who.by(),
                    "administrator_made",
                    "person",
                    new.username,
                    &json!({"username": new.username}),
                ));
            }
            let index = usize::from(administers == Administers::First) + 1;
            Ok(Plan::Do {
                needs: AuthPermission::WritePeople,
                statements,
                done: Box::new(move |results| inserted(results, index)),
            })
        },
    )
    .await
}

/// Makes somebody who exists an administrator: for whoever has the machine.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn promote(
    ports: &Ports,
    operator: &'static str,
    person: &Ref,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationError> {
    let what = people::named(person);
    change(
        ports,
        (Actor::Operator(operator), origin),
        &what,
        |who, people| {
            let person = found(people, Kind::Person)?;
            let relation = Relation::PersonRole {
                person: person.id,
                service: AUTH_SERVICE,
                role: ADMINISTRATOR_ROLE,
                until: None,
            };
            let about = About {
                person: Some(person.id),
                service: Some(AUTH_SERVICE),
                role: Some(ADMINISTRATOR_ROLE),
                permission: None,
            };
            let note = changes::note(
                &who.by(),
                "administrator_made",
                about,
                &json!({"username": person.username}),
            );
            // Whoever is signed in as them was let in as somebody who administers nothing.
            let ended = [
                tokens::revoke_of(person.id),
                people::end_sign_ins(person.user, who.now),
            ];
            let statements = ended
                .into_iter()
                .chain([relation.insert(), relation.bump(), note])
                .collect();
            Ok(Plan::then(AuthPermission::Administer, statements, ()))
        },
    )
    .await
}

/// What becomes of a person.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Another username.
    pub username: Option<&'a str>,
    /// Another name.
    pub name: Option<&'a str>,
    /// Another password.
    pub password: Option<&'a str>,
}

/// Changes somebody; a new password ends everything that is signed in to their account. Two round
/// trips, one more with a password.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn update(
    ports: &Ports,
    actor: Actor<'_>,
    person: &Ref,
    to: &Changes<'_>,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationError> {
    let chosen = match (to.password, actor) {
        (None, _) => None,
        (Some(password), Actor::Token(token)) => {
            // Who may not is told before anything is hashed for them.
            let (caller, people) = called(ports, token, &people::named(person)).await?;
            caller.needs(AuthPermission::WritePeople)?;
            let person = found(people, Kind::User)?;
            caller.needs(Caller::needed(person.of_auth, AuthPermission::WritePeople))?;
            Some(
                passwords::choose(
                    ports,
                    password,
                    &[
                        to.username.unwrap_or(&person.username),
                        to.name.unwrap_or(&person.name),
                    ],
                )
                .await?,
            )
        }
        (Some(password), Actor::Operator(_)) => {
            Some(passwords::choose(ports, password, &[]).await?)
        }
    };
    let (event, unchecked) = (
        ports.id(EventId::from_random)?,
        ports.id(EventId::from_random)?,
    );
    let what = (
        people::named(person),
        people::named(&Ref::Name(to.username.unwrap_or_default().to_owned())),
    );
    change(ports, (actor, origin), &what, |who, (people, called_so)| {
        who.needs(AuthPermission::WritePeople)?;
        let person = found(people, Kind::User)?;
        let id = person.id;
        let needs = Caller::needed(person.of_auth, AuthPermission::WritePeople);
        who.needs(needs)?;
        if called_so.iter().any(|other| other.id != id) {
            return Err(AuthorizationError::Exists(Kind::User));
        }
        let username = to.username.filter(|username| *username != person.username);
        let name = to.name.filter(|name| *name != person.name);
        if username.is_none() && name.is_none() && chosen.is_none() {
            return Ok(Plan::Done(()));
        }
        let mut statements = vec![preconditions::person_is(&person)];
        if username.is_some() {
            // Whoever keeps answers by username must not take the next one of that name for this
            // one.
            statements.push(services::bump_of_person(id));
        }
        if username.is_some() || name.is_some() {
            statements.extend(people::update(&person, username, name, who.now));
        }
        if let Some(chosen) = &chosen {
            let context = EventContext {
                id: event,
                ..ports.event_context(origin, who.now)?
            };
            if !chosen.checked {
                let context = context.with_id(unchecked);
                statements.push(events::about_user(
                    &context,
                    EventKind::PasswordUnchecked,
                    person.user,
                ));
            }
            // Whoever guessed at the old one keeps nobody from using the new one.
            let subject = passwords::subject(
                ports,
                LoginName::Username(username.unwrap_or(&person.username)),
            )?;
            statements.extend([
                attempts::clear(&subject),
                events::about_user(&context, EventKind::PasswordChanged, person.user),
                people::set_password(person.user, &chosen.hash, who.now),
                people::end_sign_ins(person.user, who.now),
                tokens::revoke_of(id),
            ]);
        }
        let detail =
            json!({"username": username, "name": name.is_some(), "password": chosen.is_some()});
        let about = About {
            person: Some(id),
            ..About::default()
        };
        statements.push(changes::note(&who.by(), "user_updated", about, &detail));
        Ok(Plan::then(needs, statements, ()))
    })
    .await
}

/// Deletes somebody with their account; gives how many tokens were revoked with it. Two round
/// trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn delete(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
    origin: &RequestOrigin,
) -> Result<usize, AuthorizationError> {
    change(
        ports,
        (Actor::Token(token), origin),
        &people::named(&Ref::Id(id)),
        |who, people| {
            who.needs(AuthPermission::WritePeople)?;
            let person = found(people, Kind::User)?;
            let needs = Caller::needed(person.of_auth, AuthPermission::WritePeople);
            who.needs(needs)?;
            let bare = EventContext {
                address: None,
                user_agent: None,
                ..ports.event_context(origin, who.now)?
            };
            let about = About {
                person: Some(id),
                ..About::default()
            };
            let mut statements: Vec<Statement> = vec![
                preconditions::person_is(&person),
                tokens::revoke_of(id),
                services::bump_of_person(id),
                events::about_user(&bare, EventKind::UserDeleted, person.user),
                changes::note(&who.by(), "user_deleted", about, &serde_json::Value::Null),
            ];
            statements.extend(people::delete(person.user));
            let done = |results: &[Rows]| Ok(results.get(1).map_or(0, Vec::len));
            Ok(Plan::Do {
                needs,
                statements,
                done: Box::new(done),
            })
        },
    )
    .await
}

/// Revokes every token of somebody and ends their sign-ins, with which they could get others; gives
/// how many tokens. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn revoke_tokens(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
    origin: &RequestOrigin,
) -> Result<usize, AuthorizationError> {
    change(
        ports,
        (Actor::Token(token), origin),
        &people::named(&Ref::Id(id)),
        |who, people| {
            who.needs(AuthPermission::WritePeople)?;
            let person = found(people, Kind::User)?;
            let needs = Caller::needed(person.of_auth, AuthPermission::WritePeople);
            who.needs(needs)?;
            let about = About {
                person: Some(id),
                ..About::default()
            };
            let note = changes::note(&who.by(), "tokens_revoked", about, &serde_json::Value::Null);
            let statements = vec![
                preconditions::person_is(&person),
                tokens::revoke_of(id),
                people::end_sign_ins(person.user, who.now),
                note,
            ];
            Ok(Plan::Do {
                needs,
                statements,
                done: Box::new(|results: &[Rows]| Ok(results.get(1).map_or(0, Vec::len))),
            })
        },
    )
    .await
}
