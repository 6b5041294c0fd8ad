//! Permissions: listed, created, renamed and deleted.

use crate::authorization::domain::change::{Actor, ChangeRequest};
use crate::authorization::domain::named;
use crate::authorization::domain::named::NamedResource;
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{AuthorizationFailure, ResourceKind};
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::changes::{ChangeSubject, CreatedKind};
use crate::authorization::store::permissions::PERMISSIONS;
use crate::authorization::store::{NamedRow, removal, uses};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::secret::PersonToken;

/// The names and statements of permissions.
const RESOURCE: NamedResource = NamedResource {
    table: &PERMISSIONS,
    kind: ResourceKind::Permission,
    created_kind: CreatedKind::Permission,
    created: "permission_created",
    renamed: "permission_renamed",
    deleted: "permission_deleted",
    subject,
    uses: uses::roles_of_permission,
    people: uses::people_of_permission,
    is_unused: uses::permission_is_unused,
    mark_grants: removal::mark_permission,
};

fn subject(id: i64) -> ChangeSubject {
    ChangeSubject {
        permission: Some(id),
        ..ChangeSubject::default()
    }
}

/// Returns a page of the permissions. One round trip.
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

/// Creates a permission and returns its id. Two round trips.
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

/// Renames a permission. Two round trips.
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

/// Deletes a permission. With `force`, also a permission that roles or people have. Two round
/// trips.
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
