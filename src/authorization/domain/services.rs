//! Services: listed, created, restored, changed and deleted.

pub use crate::authorization::store::services::Service;

use serde_json::json;

use crate::authorization::domain::caller::authenticate;
use crate::authorization::domain::change::{
    Actor, ChangeRequest, Editor, Plan, change, created_id,
};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::model::names::{AuthPermission, IdOrName};
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::changes::{ChangeSubject, CreatedKind};
use crate::authorization::store::uses::ResourceUser;
use crate::authorization::store::{changes, service_deletion, services, uses};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::secret::PersonToken;

/// Returns a page of the services that are not deleted. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn list(
    ports: &Ports,
    token: &PersonToken,
    page: PageRequest,
) -> Result<Vec<Service>, AuthorizationFailure> {
    let (caller, services) = authenticate(ports, token, &services::list(page)).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    Ok(services)
}

/// Returns a service. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn get(
    ports: &Ports,
    token: &PersonToken,
    service: &IdOrName,
) -> Result<Service, AuthorizationFailure> {
    let (caller, services) = authenticate(ports, token, &services::by_reference(service)).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    require_row(services, ResourceKind::Service)
}

fn subject(id: i64) -> ChangeSubject {
    ChangeSubject {
        service: Some(id),
        ..ChangeSubject::default()
    }
}

/// A service to create.
#[derive(Clone, Copy, Debug)]
pub struct NewService<'a> {
    /// The name.
    pub name: &'a str,
    /// The description, if the service has one.
    pub description: Option<&'a str>,
}

/// The maximum number of slices in which grants of a deleted service are removed at once. The
/// remaining grants wait for maintenance.
const SLICES_AT_ONCE: usize = 4;

/// The outcome of one attempt to create a service.
enum ServiceCreation {
    /// The service exists. Holds its id.
    Created(i64),
    /// The deleted service with the name has grants left. Holds its id.
    Emptying(i64),
}

/// Creates a service, or restores the deleted service with the name. Returns its id. Two round
/// trips, and a few further ones if grants of the deleted service are left.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn create(
    ports: &Ports,
    actor: Actor<'_>,
    new: NewService<'_>,
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationFailure> {
    let request = ChangeRequest { actor, origin };
    let reads = services::by_name_or_deleted(new.name);
    for _ in 0..2 {
        let created = change(ports, request, &reads, |editor, existing| {
            plan_creation(editor, existing, new)
        });
        match created.await? {
            ServiceCreation::Created(id) => return Ok(id),
            ServiceCreation::Emptying(id) => {
                service_deletion::remove_grants(ports.db.as_ref(), id, SLICES_AT_ONCE).await?;
            }
        }
    }
    Err(AuthorizationRejection::Contended.into())
}

fn plan_creation(
    editor: &Editor<'_>,
    existing: Vec<Service>,
    new: NewService<'_>,
) -> Result<Plan<ServiceCreation>, AuthorizationFailure> {
    editor.require(AuthPermission::WritePolicy)?;
    let (name, description) = (new.name, new.description);
    let detail = json!({"name": name, "description": description});
    let author = editor.author();
    let statements = match existing.into_iter().next() {
        Some(service) if !service.deleted => {
            return Err(AuthorizationRejection::Exists(ResourceKind::Service).into());
        }
        Some(service) if service.emptying => {
            return Ok(Plan::Nothing(ServiceCreation::Emptying(service.id)));
        }
        Some(service) => vec![
            services::is_deleted(service.id),
            services::restore(service.id, description),
            changes::record(&author, "service_restored", subject(service.id), &detail),
        ],
        None => {
            let [insert, count] = services::insert(name, description, editor.now);
            let kind = CreatedKind::Service;
            let record = changes::record_by_name(&author, "service_created", kind, name, &detail);
            vec![insert, count, record]
        }
    };
    Ok(Plan::write_and_read(
        AuthPermission::WritePolicy,
        statements,
        |results| created_id(results).map(ServiceCreation::Created),
    ))
}

/// The changes of a service. `None` keeps a value.
#[derive(Debug)]
pub struct ServiceChanges<'a> {
    /// The new name.
    pub name: Option<&'a str>,
    /// The new description. An empty description removes it.
    pub description: Option<&'a str>,
}

/// Changes the name or the description of a service. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn update(
    ports: &Ports,
    actor: Actor<'_>,
    id: i64,
    to: &ServiceChanges<'_>,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationFailure> {
    let request = ChangeRequest { actor, origin };
    let reads = (
        services::by_reference(&IdOrName::Id(id)),
        services::by_name_or_deleted(to.name.unwrap_or_default()),
    );
    change(ports, request, &reads, |editor, (services, same_name)| {
        plan_update(editor, services, &same_name, to)
    })
    .await
}

fn plan_update(
    editor: &Editor<'_>,
    services: Vec<Service>,
    same_name: &[Service],
    to: &ServiceChanges<'_>,
) -> Result<Plan<()>, AuthorizationFailure> {
    editor.require(AuthPermission::WritePolicy)?;
    let service = require_row(services, ResourceKind::Service)?;
    if service.built_in {
        return Err(AuthorizationRejection::BuiltIn.into());
    }
    // A deleted service keeps its name, because a restored service has it again.
    if same_name.iter().any(|other| other.id != service.id) {
        return Err(AuthorizationRejection::Exists(ResourceKind::Service).into());
    }
    let name = to.name.unwrap_or(&service.name);
    let description = to
        .description
        .or(service.description.as_deref())
        .filter(|text| !text.is_empty());
    if name == service.name && description == service.description.as_deref() {
        return Ok(Plan::Nothing(()));
    }
    let detail = json!({
        "from": {"name": service.name, "description": service.description},
        "to": {"name": name, "description": description},
    });
    let author = editor.author();
    let statements = vec![
        services::is_unchanged(&service),
        services::update(service.id, name, description),
        changes::record(&author, "service_updated", subject(service.id), &detail),
    ];
    Ok(Plan::write(AuthPermission::WritePolicy, statements, ()))
}

/// Deletes a service. With `force`, also a service in which people have roles or permissions. A new
/// service with the name gets the id again. Two round trips, and a few further ones for a service
/// with many grants.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn delete(
    ports: &Ports,
    actor: Actor<'_>,
    id: i64,
    force: bool,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationFailure> {
    let request = ChangeRequest { actor, origin };
    let reads = (
        services::by_reference(&IdOrName::Id(id)),
        uses::people_of_service(id),
    );
    let deletion = change(ports, request, &reads, |editor, (services, uses)| {
        plan_deletion(editor, services, uses, force)
    });
    if !deletion.await?
        && let Err(error) =
            service_deletion::remove_grants(ports.db.as_ref(), id, SLICES_AT_ONCE).await
    {
        tracing::warn!(%error, "grants of a deleted service are left to maintenance");
    }
    Ok(())
}

/// Plans the deletion. The outcome is true if no grant is left.
fn plan_deletion(
    editor: &Editor<'_>,
    services: Vec<Service>,
    uses: Vec<ResourceUser>,
    force: bool,
) -> Result<Plan<bool>, AuthorizationFailure> {
    editor.require(AuthPermission::WritePolicy)?;
    let service = require_row(services, ResourceKind::Service)?;
    if service.built_in {
        return Err(AuthorizationRejection::BuiltIn.into());
    }
    let in_use = !uses.is_empty();
    if in_use && !force {
        let uses = editor.visible(uses);
        return Err(AuthorizationRejection::InUse(ResourceKind::Service, uses).into());
    }
    let mut statements = vec![services::is_unchanged(&service)];
    if !force {
        statements.push(uses::service_is_unused(service.id));
    }
    statements.push(changes::record(
        &editor.author(),
        "service_deleted",
        subject(service.id),
        &json!({"name": service.name, "forced": force && in_use}),
    ));
    statements.extend(service_deletion::delete(service.id, editor.now));
    Ok(Plan::write_and_read(
        AuthPermission::WritePolicy,
        statements,
        |results| Ok(results.last().is_some_and(|rows| !rows.is_empty())),
    ))
}
