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
use crate::authorization::store::{changes, services, uses};
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

/// Creates a service, or restores the deleted service with the name. Returns its id. Two round
/// trips.
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
    change(ports, request, &reads, |editor, existing| {
        plan_creation(editor, existing, new)
    })
    .await
}

fn plan_creation(
    editor: &Editor<'_>,
    existing: Vec<Service>,
    new: NewService<'_>,
) -> Result<Plan<i64>, AuthorizationFailure> {
    editor.require(AuthPermission::WritePolicy)?;
    let (name, description) = (new.name, new.description);
    let detail = json!({"name": name, "description": description});
    let author = editor.author();
    let statements = match existing.into_iter().next() {
        Some(service) if !service.deleted => {
            return Err(AuthorizationRejection::Exists(ResourceKind::Service).into());
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
        created_id,
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
/// service with the name gets the id again. Two round trips.
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
    change(ports, request, &reads, |editor, (services, uses)| {
        plan_deletion(editor, services, uses, force)
    })
    .await
}

fn plan_deletion(
    editor: &Editor<'_>,
    services: Vec<Service>,
    uses: Vec<ResourceUser>,
    force: bool,
) -> Result<Plan<()>, AuthorizationFailure> {
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
    statements.extend(services::delete(service.id, editor.now));
    statements.push(changes::record(
        &editor.author(),
        "service_deleted",
        subject(service.id),
        &json!({"name": service.name, "forced": force && in_use}),
    ));
    Ok(Plan::write(AuthPermission::WritePolicy, statements, ()))
}
