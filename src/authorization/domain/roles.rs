//! Roles: listed, created, renamed and deleted.

use crate::authorization::domain::change::{Actor, ChangeRequest};
use crate::authorization::domain::named;
use crate::authorization::domain::named::NamedResource;
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{AuthorizationFailure, ResourceKind};
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::changes::{ChangeSubject, CreatedKind};
use crate::authorization::store::roles::ROLES;
use crate::authorization::store::{NamedRow, removal, uses};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::secret::PersonToken;

/// The names and statements of roles.
const RESOURCE: NamedResource = NamedResource {
    table: &ROLES,
    kind: ResourceKind::Role,
    created_kind: CreatedKind::Role,
    created: "role_created",
    renamed: "role_renamed",
    deleted: "role_deleted",
    subject,
    uses: uses::services_of_role,
    people: uses::people_of_role,
    is_unused: uses::role_is_unused,
    mark_grants: removal::mark_role,
};

fn subject(id: i64) -> ChangeSubject {
    ChangeSubject {
        role: Some(id),
        ..ChangeSubject::default()
    }
}

/// Returns a page of the roles. One round trip.
///
/// # Errors
/// [`AuthorizationFailure`]
pub async fn list(
    ports: &Ports,
    token: &PersonToken,
    page: PageRequest,
) -> Result<Vec<NamedRow>, AuthorizationFailure> {
    named::list(ports, token, &RESOURCE, page).await
}

/// Returns a role. One round trip.
///
/// # Errors
/// [`AuthorizationFailure`]
pub async fn get(
    ports: &Ports,
    token: &PersonToken,
    id: i64,
) -> Result<NamedRow, AuthorizationFailure> {
    named::get(ports, token, &RESOURCE, id).await
}

/// Creates a role and returns its id. Two round trips.
///
/// # Errors
/// [`AuthorizationFailure`]
pub async fn create(
    ports: &Ports,
    actor: Actor<'_>,
    name: &str,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationFailure> {
    named::create(ports, ChangeRequest { actor, origin }, &RESOURCE, name).await
}

/// Renames a role. Two round trips.
///
/// # Errors
/// [`AuthorizationFailure`]
pub async fn rename(
    ports: &Ports,
    actor: Actor<'_>,
    id: i64,
    name: &str,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationFailure> {
    named::rename(ports, ChangeRequest { actor, origin }, &RESOURCE, id, name).await
}

/// Deletes a role. With `force`, also a role that services or people have. Two round trips.
///
/// # Errors
/// [`AuthorizationFailure`]
pub async fn delete(
    ports: &Ports,
    actor: Actor<'_>,
    id: i64,
    force: bool,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationFailure> {
    named::delete(ports, ChangeRequest { actor, origin }, &RESOURCE, id, force).await
}
