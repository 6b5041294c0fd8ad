//! Services: listed, made, brought back, changed, deleted.

use serde_json::json;

use crate::authorization::domain::Ports;
use crate::authorization::domain::{
    Actor, AuthorizationError, Kind, Plan, called, change, found, inserted,
};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::changes;
use crate::authorization::store::changes::About;
use crate::authorization::store::preconditions;
use crate::authorization::store::services;
use crate::authorization::store::services::Service;
use crate::authorization::store::{Page, Ref, uses};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::secret::PersonToken;

/// A page of all that are not deleted. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn list(
    ports: &Ports,
    token: &PersonToken,
    page: Page,
) -> Result<Vec<Service>, AuthorizationError> {
    let (caller, list) = called(ports, token, &services::list(page)).await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    Ok(list)
}

/// The one that is named. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn one(
    ports: &Ports,
    token: &PersonToken,
    service: &Ref,
) -> Result<Service, AuthorizationError> {
    let (caller, list) = called(ports, token, &services::named(service)).await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    found(list, Kind::Service)
}

fn about(id: i64) -> About {
    About {
        service: Some(id),
        ..About::default()
    }
}

/// Makes one, or brings back the one that was deleted with this name; gives its id. Two round
/// trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn create(
    ports: &Ports,
    actor: Actor<'_>,
    (name, description): (&str, Option<&str>),
    origin: &RequestOrigin,
) -> Result<i64, AuthorizationError> {
    change(
        ports,
        (actor, origin),
        &services::ever_called(name),
        |who, existing| {
            who.needs(AuthPermission::WritePolicy)?;
            let detail = json!({"name": name, "description": description});
            // The row that tells the id stands behind a precondition, where there is one.
            let mut row = 0;
            let statements = match existing.into_iter().next() {
                Some(service) if !service.deleted => {
                    return Err(AuthorizationError::Exists(Kind::Service));
                }
                Some(service) => {
                    row = 1;
                    vec![
                        services::is_deleted(service.id),
                        services::revive(service.id, description),
                        changes::note(&who.by(), "service_restored", about(service.id), &detail),
                    ]
                }
                None => {
                    let mut statements: Vec<_> =
                        services::insert(name, description, who.now).into();
                    statements.push(changes::note_made(
                        &who.by(),
                        "service_created",
                        "service",
                        name,
                        &detail,
                    ));
                    statements
                }
            };
            Ok(Plan::Do {
                needs: AuthPermission::WritePolicy,
                statements,
                done: Box::new(move |results| inserted(results, row)),
            })
        },
    )
    .await
}

/// What becomes of a service.
#[derive(Debug)]
pub struct Changes<'a> {
    /// Another name.
    pub name: Option<&'a str>,
    /// Another description; an empty one removes it.
    pub description: Option<&'a str>,
}

/// Changes one. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn update(
    ports: &Ports,
    actor: Actor<'_>,
    id: i64,
    changes_to: &Changes<'_>,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationError> {
    let taken = services::ever_called(changes_to.name.unwrap_or_default());
    change(ports, (actor, origin), &(services::named(&Ref::Id(id)), taken), |who, (service, called_so)| {
        who.needs(AuthPermission::WritePolicy)?;
        let service = found(service, Kind::Service)?;
        if service.built_in {
            return Err(AuthorizationError::BuiltIn);
        }
        // A deleted one has its name still: it would come back with it.
        if called_so.iter().any(|other| other.id != id) {
            return Err(AuthorizationError::Exists(Kind::Service));
        }
        let name = changes_to.name.unwrap_or(&service.name);
        let description = changes_to.description.or(service.description.as_deref()).filter(|text| !text.is_empty());
        if name == service.name && description == service.description.as_deref() {
            return Ok(Plan::Done(()));
        }
        let detail =
            json!({"from": {"name": service.name, "description": service.description}, "to": {"name": name, "description": description}});
        let statements = vec![
            preconditions::service_is(&service),
            services::update(id, name, description),
            changes::note(&who.by(), "service_updated", about(id), &detail),
        ];
        Ok(Plan::then(AuthPermission::WritePolicy, statements, ()))
    })
    .await
}

/// Deletes one; with what people have in it only if that is forced. Its id and its name stay its
/// own. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn delete(
    ports: &Ports,
    actor: Actor<'_>,
    id: i64,
    force: bool,
    origin: &RequestOrigin,
) -> Result<(), AuthorizationError> {
    change(
        ports,
        (actor, origin),
        &(services::named(&Ref::Id(id)), uses::people_of_service(id)),
        |who, (service, used)| {
            who.needs(AuthPermission::WritePolicy)?;
            let service = found(service, Kind::Service)?;
            if service.built_in {
                return Err(AuthorizationError::BuiltIn);
            }
            let detail = json!({"name": service.name, "forced": force && !used.is_empty()});
            let mut statements = vec![preconditions::service_is(&service)];
            if !used.is_empty() && !force {
                return Err(AuthorizationError::InUse(Kind::Service, who.may_see(used)));
            }
            if !force {
                statements.push(uses::unused(uses::Thing::Service(id)));
            }
            statements.extend(services::delete(id, who.now));
            statements.push(changes::note(
                &who.by(),
                "service_deleted",
                about(id),
                &detail,
            ));
            Ok(Plan::then(AuthPermission::WritePolicy, statements, ()))
        },
    )
    .await
}
