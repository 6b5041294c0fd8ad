//! The access of people in services, and the change log.

pub use crate::authorization::store::access::{EffectiveAccess, GrantHolder, HeldGrant};
pub use crate::authorization::store::changes::PolicyChange;

use crate::authorization::domain::caller::{AuthenticatedPerson, authenticate};
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{
    AuthorizationFailure, AuthorizationRejection, ResourceKind, require_row,
};
use crate::authorization::model::names::{AuthPermission, IdOrName};
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::access::{AccessQuery, PersonSelector};
use crate::authorization::store::people::Person;
use crate::authorization::store::services::Service;
use crate::authorization::store::{NamedRow, access, changes, fetch, people, services};
use crate::kernel::model::secret::PersonToken;

/// Requires that the caller asks about themselves or has `auth.policy.read`. A caller who may not
/// ask does not learn whether the person exists.
fn require_visible(
    caller: &AuthenticatedPerson,
    people: Vec<Person>,
) -> Result<Person, AuthorizationFailure> {
    let person = people.into_iter().next();
    let is_self = person
        .as_ref()
        .is_some_and(|person| person.id == caller.token.person_id);
    if !is_self && !caller.may(AuthPermission::ReadPolicy) {
        return Err(AuthorizationRejection::ForbiddenLookup.into());
    }
    person.ok_or_else(|| AuthorizationRejection::Unknown(ResourceKind::Person).into())
}

/// Returns a person and their access in a service. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn effective(
    ports: &Ports,
    token: &PersonToken,
    person: &IdOrName,
    service: &IdOrName,
) -> Result<(Person, EffectiveAccess), AuthorizationFailure> {
    let access = AccessQuery {
        person: PersonSelector::Reference(person),
        service,
        now: ports.clock.now(),
    };
    let reads = (people::by_reference(person), access);
    let (caller, (people, access)) = authenticate(ports, token, &reads).await?;
    let person = require_visible(&caller, people)?;
    let access = access.ok_or(AuthorizationRejection::Unknown(ResourceKind::Service))?;
    Ok((person, access))
}

/// Returns a page of the services in which a person has a role or a permission. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn services_of(
    ports: &Ports,
    token: &PersonToken,
    person: &IdOrName,
    page: PageRequest,
) -> Result<Vec<Service>, AuthorizationFailure> {
    let (caller, people) = authenticate(ports, token, &people::by_reference(person)).await?;
    let person = require_visible(&caller, people)?;
    let services = access::services_of(person.id, page, caller.now);
    Ok(fetch(ports.db.as_ref(), &services).await?)
}

/// Returns a page of the roles of a person in a service. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn roles_of(
    ports: &Ports,
    token: &PersonToken,
    person: &IdOrName,
    service: &IdOrName,
    page: PageRequest,
) -> Result<Vec<NamedRow>, AuthorizationFailure> {
    let reads = (
        people::by_reference(person),
        services::by_reference(service),
    );
    let (caller, (people, services)) = authenticate(ports, token, &reads).await?;
    let person = require_visible(&caller, people)?;
    let service = require_row(services, ResourceKind::Service)?;
    let roles = access::roles_of(person.id, service.id, page, caller.now);
    Ok(fetch(ports.db.as_ref(), &roles).await?)
}

/// Returns a page of the people with roles or permissions in a service. Two round trips.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn holders(
    ports: &Ports,
    token: &PersonToken,
    service: &IdOrName,
    page: PageRequest,
) -> Result<Vec<GrantHolder>, AuthorizationFailure> {
    let (caller, services) = authenticate(ports, token, &services::by_reference(service)).await?;
    caller.require(AuthPermission::ReadPolicy)?;
    let service = require_row(services, ResourceKind::Service)?;
    Ok(fetch(ports.db.as_ref(), &access::holders(service.id, page)).await?)
}

/// Returns a page of the change log, newest first. One round trip.
///
/// # Errors
/// [`AuthorizationRejection`]
pub async fn changes(
    ports: &Ports,
    token: &PersonToken,
    page: PageRequest,
) -> Result<Vec<PolicyChange>, AuthorizationFailure> {
    let (caller, changes) = authenticate(ports, token, &changes::list(page)).await?;
    caller.require(AuthPermission::ReadChanges)?;
    Ok(changes)
}
