//! Roles and permissions: listed, made, renamed, deleted.

use serde_json::json;

use crate::authorization::domain::Ports;
use crate::authorization::domain::{
    Actor, AuthorizationError, Caller, Kind, Plan, called, change, found, inserted,
};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::changes;
use crate::authorization::store::changes::About;
use crate::authorization::store::uses;
use crate::authorization::store::uses::Use;
use crate::authorization::store::{Named, Page, Query, services, things};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::secret::PersonToken;
use crate::kernel::store::Statement;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// A role.
    Role,
    /// A permission.
    Permission,
}

impl Which {
    const fn kind(self) -> Kind {
        match self {
            Self::Role => Kind::Role,
            Self::Permission => Kind::Permission,
        }
    }

    fn list(self, page: Page) -> Query<Named> {
        match self {
            Self::Role => things::roles::list(page),
            Self::Permission => things::permissions::list(page),
        }
    }

    fn by_id(self, id: i64) -> Query<things::Thing> {
        match self {
            Self::Role => things::roles::by_id(id),
            Self::Permission => things::permissions::by_id(id),
        }
    }

    fn by_name(self, name: &str) -> Query<things::Thing> {
        match self {
            Self::Role => things::roles::by_name(name),
            Self::Permission => things::permissions::by_name(name),
        }
    }

    const fn about(self, id: i64) -> About {
        let none = About {
            person: None,
            service: None,
            role: None,
            permission: None,
        };
        match self {
            Self::Role => About {
                role: Some(id),
                ..none
            },
            Self::Permission => About {
                permission: Some(id),
                ..none
            },
        }
    }

    fn bump(self, id: i64) -> Statement {
        match self {
            Self::Role => services::bump_of_role(id),
            Self::Permission => services::bump_of_permission(id),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Permission => "permission",
        }
    }

    fn uses(self, id: i64) -> (Query<Use>, Query<Use>) {
        match self {
            Self::Role => (uses::uses_of_role(id), uses::people_of_role(id)),
            Self::Permission => (uses::roles_with(id), uses::people_of_permission(id)),
        }
    }
}

/// A page of all of them. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn list(
    ports: &Ports,
    token: &PersonToken,
    which: Which,
    page: Page,
) -> Result<Vec<Named>, AuthorizationError> {
    let (caller, list) = called(ports, token, &which.list(page)).await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    Ok(list)
}

/// One of them. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn one(
    ports: &Ports,
    token: &PersonToken,
    which: Which,
    id: i64,
) -> Result<Named, AuthorizationError> {
    let (caller, things) = called(ports, token, &which.by_id(id)).await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    Ok(found(things, which.kind())?.named)
}

/// Makes one, and gives its id. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn create(
    ports: &Ports,
    actor: Actor<'_>,
    which: Which,
    name: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationError> {
    change(
        ports,
        (actor, origin),
        &which.by_name(name),
        |who, existing| {
            who.needs(AuthPermission::WritePolicy)?;
            if !existing.is_empty() {
                return Err(AuthorizationError::Exists(which.kind()));
            }
            let (insert, action) = match which {
                Which::Role => (things::roles::insert(name), "role_created"),
                Which::Permission => (things::permissions::insert(name), "permission_created"),
            };
            let mut statements: Vec<_> = insert.into();
            statements.push(changes::note_made(
                &who.by(),
                action,
                which.name(),
                name,
                &json!({"name": name}),
            ));
            Ok(Plan::Do {
                needs: AuthPermission::WritePolicy,
                statements,
                done: Box::new(|results| inserted(results, 0)),
            })
        },
    )
    .await
}

/// Gives one another name. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn rename(
    ports: &Ports,
    actor: Actor<'_>,
    which: Which,
    id: i64,
    name: &str,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationError> {
    change(
        ports,
        (actor, origin),
        &(which.by_id(id), which.by_name(name)),
        |who, (thing, called_so)| {
            who.needs(AuthPermission::WritePolicy)?;
            let thing = found(thing, which.kind())?;
            if thing.built_in {
                return Err(AuthorizationError::BuiltIn);
            }
            if thing.named.name == name {
                return Ok(Plan::Done(()));
            }
            if !called_so.is_empty() {
                return Err(AuthorizationError::Exists(which.kind()));
            }
            let (rename, action) = match which {
                Which::Role => (things::roles::rename(id, name), "role_renamed"),
                Which::Permission => (things::permissions::rename(id, name), "permission_renamed"),
            };
            let detail = json!({"from": thing.named.name, "to": name});
            let mut statements = which.still(&thing);
            statements.extend([
                rename,
                which.bump(id),
                changes::note(&who.by(), action, which.about(id), &detail),
            ]);
            Ok(Plan::then(
                Caller::needed(thing.of_auth, AuthPermission::WritePolicy),
                statements,
                (),
            ))
        },
    )
    .await
}

impl Which {
    /// That it is there still, by that name; and where it said nothing about the service itself,
    /// that it says nothing about that still.
    fn still(self, thing: &things::Thing) -> Vec<Statement> {
        let (id, name) = (thing.named.id, &thing.named.name);
        let (still, not_of_auth) = match self {
            Self::Role => (
                things::roles::still(id, name),
                things::roles::not_of_auth(id),
            ),
            Self::Permission => (
                things::permissions::still(id, name),
                things::permissions::not_of_auth(id),
            ),
        };
        if thing.of_auth {
            vec![still]
        } else {
            vec![still, not_of_auth]
        }
    }
}

/// Deletes one; with all that relates it to others only if that is forced. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn delete(
    ports: &Ports,
    actor: Actor<'_>,
    which: Which,
    id: i64,
    force: bool,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationError> {
    let (uses, people) = which.uses(id);
    change(
        ports,
        (actor, origin),
        &(which.by_id(id), uses, people),
        |who, (thing, uses, people)| {
            who.needs(AuthPermission::WritePolicy)?;
            let thing = found(thing, which.kind())?;
            if thing.built_in {
                return Err(AuthorizationError::BuiltIn);
            }
            let used_by: Vec<Use> = uses.into_iter().chain(people).collect();
            if !used_by.is_empty() && !force {
                return Err(AuthorizationError::InUse(
                    which.kind(),
                    who.may_see(used_by),
                ));
            }
            let mut statements = which.still(&thing);
            if !force {
                let thing = if which == Which::Role {
                    uses::Thing::Role(id)
                } else {
                    uses::Thing::Permission(id)
                };
                statements.push(uses::unused(thing));
            }
            let (delete, action) = match which {
                Which::Role => (things::roles::delete(id), "role_deleted"),
                Which::Permission => (things::permissions::delete(id), "permission_deleted"),
            };
            let detail = json!({"name": thing.named.name, "forced": force && !used_by.is_empty()});
            statements.extend([
                which.bump(id),
                delete,
                changes::note(&who.by(), action, which.about(id), &detail),
            ]);
            Ok(Plan::then(
                Caller::needed(thing.of_auth, AuthPermission::WritePolicy),
                statements,
                (),
            ))
        },
    )
    .await
}
