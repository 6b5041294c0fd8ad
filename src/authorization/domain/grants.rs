//! What relates things: permissions of roles, roles of services, roles and permissions of people in
//! services.

use serde_json::json;

use crate::authorization::domain::Ports;
use crate::authorization::domain::{
    Actor, AuthorizationError, Caller, Kind, Plan, called, change, found,
};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::changes;
use crate::authorization::store::changes::About;
use crate::authorization::store::grants;
use crate::authorization::store::grants::Relation;
use crate::authorization::store::people;
use crate::authorization::store::people::Person;
use crate::authorization::store::{
    ADMINISTER, AUTH_SERVICE, Named, Page, Query, Ref, services, things, tokens,
};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::secret::PersonToken;
use crate::kernel::model::time::Timestamp;

/// Whether a relation is made or undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// It is made.
    Make,
    /// It is undone.
    Undo,
}

/// A page of the permissions of a role. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn permissions_of_role(
    ports: &Ports,
    token: &PersonToken,
    role: i64,
    page: Page,
) -> Result<Vec<Named>, AuthorizationError> {
    let (caller, (roles, list)) = called(
        ports,
        token,
        &(
            things::roles::by_id(role),
            grants::permissions_of_role(role, page),
        ),
    )
    .await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    found(roles, Kind::Role)?;
    Ok(list)
}

/// A page of the roles of a service. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn roles_of_service(
    ports: &Ports,
    token: &PersonToken,
    service: &Ref,
    page: Page,
) -> Result<Vec<Named>, AuthorizationError> {
    let (caller, (services, list)) = called(
        ports,
        token,
        &(
            services::named(service),
            grants::roles_of_service(service, page),
        ),
    )
    .await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    found(services, Kind::Service)?;
    Ok(list)
}

/// A page of the people who have a role in a service. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn people_with(
    ports: &Ports,
    token: &PersonToken,
    service: &Ref,
    role: i64,
    page: Page,
) -> Result<Vec<Person>, AuthorizationError> {
    let (caller, (services, roles)) = called(
        ports,
        token,
        &(services::named(service), things::roles::by_id(role)),
    )
    .await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    let (service, role) = (found(services, Kind::Service)?, found(roles, Kind::Role)?);
    let list = grants::people_with(service.id, role.named.id, page, caller.now);
    Ok(crate::authorization::store::ask(ports.db.as_ref(), &list).await?)
}

/// Gives a role a permission, or takes it away. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn role_permission(
    ports: &Ports,
    actor: Actor<'_>,
    (direction, role, permission): (Direction, i64, i64),
    origin: &RequestOrigin,
) -> Result<(), AuthorizationError> {
    let relation = Relation::RolePermission { role, permission };
    let what = (
        things::roles::by_id(role),
        things::permissions::by_id(permission),
        relation.existing(),
    );
    change(
        ports,
        (actor, origin),
        &what,
        |who, (roles, permissions, existing)| {
            who.needs(AuthPermission::WritePolicy)?;
            let (role, permission) = (
                found(roles, Kind::Role)?,
                found(permissions, Kind::Permission)?,
            );
            if role.built_in {
                return Err(AuthorizationError::BuiltIn);
            }
            let needs = Caller::needed(
                role.of_auth || permission.built_in,
                AuthPermission::WritePolicy,
            );
            who.needs(needs)?;
            let about = About {
                role: Some(role.named.id),
                permission: Some(permission.named.id),
                ..About::default()
            };
            let detail = json!({"role": role.named.name, "permission": permission.named.name});
            let actions = ["permission_added_to_role", "permission_removed_from_role"];
            Ok(related(
                direction,
                relation,
                &existing,
                (needs, actions),
                |action| changes::note(&who.by(), action, about, &detail),
            ))
        },
    )
    .await
}

/// Gives a service a role, or takes it away, with all who have it there. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn service_role(
    ports: &Ports,
    actor: Actor<'_>,
    (direction, service, role): (Direction, &Ref, i64),
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationError> {
    let what = (
        services::named(service),
        things::roles::by_id(role),
        grants::of_service_role(service, role),
    );
    change(
        ports,
        (actor, origin),
        &what,
        |who, (services, roles, existing)| {
            who.needs(AuthPermission::WritePolicy)?;
            let (service, role) = (found(services, Kind::Service)?, found(roles, Kind::Role)?);
            if service.id == AUTH_SERVICE && role.built_in {
                return Err(AuthorizationError::BuiltIn);
            }
            let needs = Caller::needed(
                service.id == AUTH_SERVICE || role.built_in,
                AuthPermission::WritePolicy,
            );
            who.needs(needs)?;
            let relation = Relation::ServiceRole {
                service: service.id,
                role: role.named.id,
            };
            let about = About {
                service: Some(service.id),
                role: Some(role.named.id),
                ..About::default()
            };
            let detail = json!({"service": service.name, "role": role.named.name});
            let actions = ["role_added_to_service", "role_removed_from_service"];
            let plan = related(direction, relation, &existing, (needs, actions), |action| {
                changes::note(&who.by(), action, about, &detail)
            });
            Ok(plan.map(service.id))
        },
    )
    .await
}

/// A grant to somebody: of a role, or of a permission by its number or its name.
#[derive(Clone, Copy, Debug)]
pub enum Granted<'a> {
    /// A role.
    Role(i64),
    /// A permission.
    Permission(i64),
    /// A permission by its name.
    PermissionNamed(&'a str),
}

impl Granted<'_> {
    fn thing(self) -> Query<things::Thing> {
        match self {
            Self::Role(id) => things::roles::by_id(id),
            Self::Permission(id) => things::permissions::by_id(id),
            Self::PermissionNamed(name) => things::permissions::by_name(name),
        }
    }
}

/// What a grant is about, by numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The person.
    pub person: i64,
    /// The service.
    pub service: i64,
    /// The role or the permission.
    pub thing: i64,
}

/// Gives somebody a role or a permission in a service, until a time or for good, or takes it away.
/// Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn person_grant(
    ports: &Ports,
    actor: Actor<'_>,
    (direction, person, service, granted): (Direction, &Ref, &Ref, Granted<'_>),
    until: Option<Timestamp>,
    origin: &RequestOrigin,
) -> Result<Grant, AuthorizationError> {
    let thing = granted.thing();
    let existing = grants::of_person(person, service, granted.is_role(), &granted.params());
    let what = (
        people::named(person),
        services::named(service),
        thing,
        existing,
    );
    change(ports, (actor, origin), &what, |who, (people, services, things, existing)| {
        who.needs(AuthPermission::WritePolicy)?;
        let (person, service) = (found(people, Kind::Person)?, found(services, Kind::Service)?);
        let thing = found(things, if granted.is_role() { Kind::Role } else { Kind::Permission })?;
        let needs = Caller::needed(service.id == AUTH_SERVICE || thing.built_in, AuthPermission::WritePolicy);
        who.needs(needs)?;
        let (person_id, service_id, id) = (person.id, service.id, thing.named.id);
        let (relation, about, actions) = if granted.is_role() {
            let relation = Relation::PersonRole { person: person_id, service: service_id, role: id, until };
            let about = About { person: Some(person_id), service: Some(service_id), role: Some(id), permission: None };
            (relation, about, ["role_granted", "role_revoked"])
        } else {
            let relation = Relation::PersonPermission { person: person_id, service: service_id, permission: id, until };
            let about = About { person: Some(person_id), service: Some(service_id), role: None, permission: Some(id) };
            (relation, about, ["permission_granted", "permission_revoked"])
        };
        let (ends, is_of_service): (Vec<_>, Vec<_>) = existing.iter().map(|found| (found.until, found.of_service)).unzip();
        if direction == Direction::Make && granted.is_role() && is_of_service.first() != Some(&true) {
            return Err(AuthorizationError::NotOfService);
        }
        let existing: Vec<_> = ends.into_iter().flatten().collect();
        let detail = json!({
            "username": person.username, "service": service.name, "name": thing.named.name, "expires_at": until.map(Timestamp::seconds),
        });
        let mut plan = related(direction, relation, &existing, (needs, actions), |action| changes::note(&who.by(), action, about, &detail));
        let to_oneself = who.caller.as_ref().is_some_and(|caller| caller.bearer.person == person_id);
        if let (Direction::Make, Plan::Do { statements, .. }) = (direction, &mut plan)
            && service_id == AUTH_SERVICE
            && id == ADMINISTER
            && !to_oneself
        {
            // Whoever is signed in as them was let in as somebody who administers nothing.
            statements.extend([tokens::revoke_of(person_id), people::end_sign_ins(person.user, who.now)]);
        }
        Ok(plan.map(Grant { person: person_id, service: service_id, thing: id }))
    })
    .await
}

impl Granted<'_> {
    const fn is_role(self) -> bool {
        matches!(self, Self::Role(_))
    }

    fn params(self) -> Ref {
        match self {
            Self::Role(id) | Self::Permission(id) => Ref::Id(id),
            Self::PermissionNamed(name) => Ref::Name(name.to_owned()),
        }
    }
}

/// What is to be done so that a relation is there, or is not; nothing where it is so already.
fn related(
    direction: Direction,
    relation: Relation,
    existing: &[Option<Timestamp>],
    (needs, [made, undone]): (AuthPermission, [&'static str; 2]),
    note: impl FnOnce(&'static str) -> crate::kernel::store::Statement,
) -> Plan<()> {
    let until = match relation {
        Relation::PersonRole { until, .. } | Relation::PersonPermission { until, .. } => until,
        _ => None,
    };
    let statements = match (direction, existing.first()) {
        (Direction::Make, Some(ends)) if *ends == until => return Plan::Done(()),
        (Direction::Undo, None) => return Plan::Done(()),
        (Direction::Make, seen) => {
            vec![
                grants::relatable(relation),
                grants::still(relation, seen.copied()),
                relation.insert(),
                relation.bump(),
                note(made),
            ]
        }
        (Direction::Undo, seen) => vec![
            grants::still(relation, seen.copied()),
            relation.bump(),
            relation.delete(),
            note(undone),
        ],
    };
    Plan::then(needs, statements, ())
}

impl Plan<()> {
    /// The same with another answer.
    fn map<T: Clone + Send + 'static>(self, answer: T) -> Plan<T> {
        match self {
            Self::Done(()) => Plan::Done(answer),
            Self::Do {
                needs, statements, ..
            } => Plan::then(needs, statements, answer),
        }
    }
}
