//! Permissions of roles, roles of services, and lists of grants.

use serde_json::json;

use crate::authorization::domain::caller::authenticate;
use crate::authorization::domain::change::{Actor, ChangeRequest, change, needed_permission};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::domain::relation_change::{Direction, RelationChange};
use crate::authorization::model::names::{AuthPermission, BUILT_IN_SERVICE, IdOrName};
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::changes::ChangeSubject;
use crate::authorization::store::people::Person;
use crate::authorization::store::permissions::PERMISSIONS;
use crate::authorization::store::relations::Relation;
use crate::authorization::store::roles::ROLES;
use crate::authorization::store::{NamedRow, fetch, grants, services};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::secret::PersonToken;

/// Returns a page of the permissions of a role. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn permissions_of_role(
    ports: &Ports,
    token: &PersonToken,
    role: i64,
    page: PageRequest,
) -> Result<Vec<NamedRow>, AuthorizationFailure> {
    let reads = (ROLES.by_id(role), grants::permissions_of_role(role, page));
    let (caller, (roles, permissions)) = authenticate(ports, token, &reads).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    require_row(roles, ResourceKind::Role)?;
    Ok(permissions)
}

/// Returns a page of the roles of a service. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn roles_of_service(
    ports: &Ports,
    token: &PersonToken,
    service: &IdOrName,
    page: PageRequest,
) -> Result<Vec<NamedRow>, AuthorizationFailure> {
    let reads = (
        services::by_reference(service),
        grants::roles_of_service(service, page),
    );
    let (caller, (services, roles)) = authenticate(ports, token, &reads).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    require_row(services, ResourceKind::Service)?;
    Ok(roles)
}

/// Returns a page of the people who have a role in a service. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn people_with_role(
    ports: &Ports,
    token: &PersonToken,
    service: &IdOrName,
    role: i64,
    page: PageRequest,
) -> Result<Vec<Person>, AuthorizationFailure> {
    let reads = (services::by_reference(service), ROLES.by_id(role));
    let (caller, (services, roles)) = authenticate(ports, token, &reads).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    let service = require_row(services, ResourceKind::Service)?;
    let role = require_row(roles, ResourceKind::Role)?;
    let people = grants::people_with_role(service.id, role.row.id, page, caller.now);
    Ok(fetch(ports.db.as_ref(), &people).await?)
}

/// A permission of a role, by ids.
#[derive(Clone, Copy, Debug)]
pub struct RolePermissionIds {
    /// The id of the role.
    pub role: i64,
    /// The id of the permission.
    pub permission: i64,
}

/// Adds a permission to a role, or removes it. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn role_permission(
    ports: &Ports,
    actor: Actor<'_>,
    direction: Direction,
    ids: RolePermissionIds,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationFailure> {
    let request = ChangeRequest { actor, origin };
    let reads = (
        ROLES.by_id(ids.role),
        PERMISSIONS.by_id(ids.permission),
        grants::role_permission(ids.role, ids.permission),
    );
    change(
        ports,
        request,
        &reads,
        |editor, (roles, permissions, existing)| {
            editor.require(AuthPermission::WritePolicy)?;
            let role = require_row(roles, ResourceKind::Role)?;
            let permission = require_row(permissions, ResourceKind::Permission)?;
            if role.built_in {
                return Err(AuthorizationRejection::BuiltIn.into());
            }
            let of_auth = role.of_auth || permission.built_in;
            let planned = RelationChange {
                direction,
                relation: Relation::RolePermission {
                    role: role.row.id,
                    permission: permission.row.id,
                },
                existing: existing.into_iter().next(),
                needed: needed_permission(of_auth, AuthPermission::WritePolicy),
                added: "permission_added_to_role",
                removed: "permission_removed_from_role",
                subject: ChangeSubject {
                    role: Some(role.row.id),
                    permission: Some(permission.row.id),
                    ..ChangeSubject::default()
                },
                detail: json!({"role": role.row.name, "permission": permission.row.name}),
            };
            planned.plan(editor)
        },
    )
    .await
}

/// Adds a role to a service, or removes it together with the grants of the role in the service.
/// Returns the id of the service. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn service_role(
    ports: &Ports,
    actor: Actor<'_>,
    direction: Direction,
    service: &IdOrName,
    role: i64,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationFailure> {
    let request = ChangeRequest { actor, origin };
    let reads = (
        services::by_reference(service),
        ROLES.by_id(role),
        grants::service_role(service, role),
    );
    change(
        ports,
        request,
        &reads,
        |editor, (services, roles, existing)| {
            editor.require(AuthPermission::WritePolicy)?;
            let service = require_row(services, ResourceKind::Service)?;
            let role = require_row(roles, ResourceKind::Role)?;
            if service.id == BUILT_IN_SERVICE && role.built_in {
                return Err(AuthorizationRejection::BuiltIn.into());
            }
            let of_auth = service.id == BUILT_IN_SERVICE || role.built_in;
            let planned = RelationChange {
                direction,
                relation: Relation::ServiceRole {
                    service: service.id,
                    role: role.row.id,
                },
                existing: existing.into_iter().next(),
                needed: needed_permission(of_auth, AuthPermission::WritePolicy),
                added: "role_added_to_service",
                removed: "role_removed_from_service",
                subject: ChangeSubject {
                    service: Some(service.id),
                    role: Some(role.row.id),
                    ..ChangeSubject::default()
                },
                detail: json!({"service": service.name, "role": role.row.name}),
            };
            Ok(planned.plan(editor)?.with_outcome(service.id))
        },
    )
    .await
}
