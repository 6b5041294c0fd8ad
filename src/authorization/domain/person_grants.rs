//! Roles and permissions of people in services.

use serde_json::json;

use crate::authorization::domain::change::{
    Actor, ChangeRequest, Editor, Plan, change, needed_permission,
};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::domain::relation_change::{Direction, RelationChange};
use crate::authorization::model::names::{AuthPermission, BUILT_IN_SERVICE, IdOrName};
use crate::authorization::store::changes::ChangeSubject;
use crate::authorization::store::grants::GrantState;
use crate::authorization::store::named::NamedRecord;
use crate::authorization::store::people::Person;
use crate::authorization::store::permissions::PERMISSIONS;
use crate::authorization::store::relations::Relation;
use crate::authorization::store::roles::ROLES;
use crate::authorization::store::services::Service;
use crate::authorization::store::{Query, grants, people, services};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::time::Timestamp;

/// A role, or a permission by id or by name.
#[derive(Clone, Copy, Debug)]
pub enum RoleOrPermission<'a> {
    /// A role.
    Role(i64),
    /// A permission.
    Permission(i64),
    /// A permission by its name.
    PermissionNamed(&'a str),
}

impl RoleOrPermission<'_> {
    const fn kind(self) -> ResourceKind {
        match self {
            Self::Role(_) => ResourceKind::Role,
            Self::Permission(_) | Self::PermissionNamed(_) => ResourceKind::Permission,
        }
    }

    fn record(self) -> Query<NamedRecord> {
        match self {
            Self::Role(id) => ROLES.by_id(id),
            Self::Permission(id) => PERMISSIONS.by_id(id),
            Self::PermissionNamed(name) => PERMISSIONS.by_name(name),
        }
    }

    fn grant_state(self, person: &IdOrName, service: &IdOrName) -> Query<GrantState> {
        let permission = match self {
            Self::Role(role) => return grants::role_grant_state(person, service, role),
            Self::Permission(id) => IdOrName::Id(id),
            Self::PermissionNamed(name) => IdOrName::Name(name.to_owned()),
        };
        grants::permission_grant_state(person, service, &permission)
    }
}

/// A grant to add or remove.
#[derive(Clone, Copy, Debug)]
pub struct GrantRequest<'a> {
    /// The person.
    pub person: &'a IdOrName,
    /// The service.
    pub service: &'a IdOrName,
    /// The role or the permission.
    pub granted: RoleOrPermission<'a>,
    /// When the grant expires. `None` if it does not, and for a removal.
    pub until: Option<Timestamp>,
}

/// A grant, by ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrantIds {
    /// The id of the person.
    pub person: i64,
    /// The id of the service.
    pub service: i64,
    /// The id of the role or of the permission.
    pub granted: i64,
}

/// Grants a role or a permission to a person in a service, or revokes it. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn person_grant(
    ports: &Ports,
    actor: Actor<'_>,
    direction: Direction,
    grant: GrantRequest<'_>,
    origin: &RequestOrigin,
) -> Result<GrantIds, AuthorizationFailure> {
    let request = ChangeRequest { actor, origin };
    let reads = (
        people::by_reference(grant.person),
        services::by_reference(grant.service),
        grant.granted.record(),
        grant.granted.grant_state(grant.person, grant.service),
    );
    change(
        ports,
        request,
        &reads,
        |editor, (people, services, records, states)| {
            editor.require(AuthPermission::WritePolicy)?;
            let sides = GrantSides {
                person: require_row(people, ResourceKind::Person)?,
                service: require_row(services, ResourceKind::Service)?,
                granted: require_row(records, grant.granted.kind())?,
                kind: grant.granted.kind(),
            };
            plan_grant(editor, direction, &sides, states.first(), grant.until)
        },
    )
    .await
}

/// The rows that a grant relates.
struct GrantSides {
    person: Person,
    service: Service,
    granted: NamedRecord,
    kind: ResourceKind,
}

impl GrantSides {
    fn relation(&self, until: Option<Timestamp>) -> Relation {
        let (person, service, granted) = (self.person.id, self.service.id, self.granted.row.id);
        match self.kind {
            ResourceKind::Role => Relation::PersonRole {
                person,
                service,
                role: granted,
                until,
            },
            _ => Relation::PersonPermission {
                person,
                service,
                permission: granted,
                until,
            },
        }
    }

    fn subject(&self) -> ChangeSubject {
        let granted = Some(self.granted.row.id);
        let is_role = self.kind == ResourceKind::Role;
        ChangeSubject {
            person: Some(self.person.id),
            service: Some(self.service.id),
            role: granted.filter(|_| is_role),
            permission: granted.filter(|_| !is_role),
        }
    }
}

fn plan_grant(
    editor: &Editor<'_>,
    direction: Direction,
    sides: &GrantSides,
    state: Option<&GrantState>,
    until: Option<Timestamp>,
) -> Result<Plan<GrantIds>, AuthorizationFailure> {
    let (person, service, granted) = (&sides.person, &sides.service, &sides.granted);
    let is_role = sides.kind == ResourceKind::Role;
    let of_auth = service.id == BUILT_IN_SERVICE || granted.built_in;
    let needed = needed_permission(of_auth, AuthPermission::WritePolicy);
    editor.require(needed)?;
    if direction == Direction::Add && !state.is_some_and(|state| state.offered) {
        return Err(AuthorizationRejection::NotOfService.into());
    }
    let planned = RelationChange {
        direction,
        relation: sides.relation(until),
        existing: state.and_then(|state| state.existing),
        needed,
        added: if is_role {
            "role_granted"
        } else {
            "permission_granted"
        },
        removed: if is_role {
            "role_revoked"
        } else {
            "permission_revoked"
        },
        subject: sides.subject(),
        detail: json!({
            "username": person.username,
            "service": service.name,
            "name": granted.row.name,
            "expires_at": until.map(Timestamp::seconds),
        }),
    };
    Ok(planned.plan(editor)?.with_outcome(GrantIds {
        person: person.id,
        service: service.id,
        granted: granted.row.id,
    }))
}
