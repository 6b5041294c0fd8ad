//! What people may do where: read by themselves, by whoever may look others up; and the log of
//! changes.

use crate::authorization::domain::Ports;
use crate::authorization::domain::{AuthorizationError, Caller, Kind, called, found};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::access;
use crate::authorization::store::access::{Access, Effective, Holder, PersonOf};
use crate::authorization::store::changes;
use crate::authorization::store::changes::Change;
use crate::authorization::store::people;
use crate::authorization::store::people::Person;
use crate::authorization::store::services;
use crate::authorization::store::services::Service;
use crate::authorization::store::{Named, Page, Ref, ask};
use crate::kernel::model::secret::PersonToken;

/// Whoever is looked up: oneself, or anybody with the permission. Who may not is not told whether
/// there is somebody.
fn looked_up(caller: &Caller, people: Vec<Person>) -> Result<Person, AuthorizationError> {
    let person = people.into_iter().next();
    let oneself = person
        .as_ref()
        .is_some_and(|person| person.id == caller.bearer.person);
    if !oneself && !caller.may(AuthPermission::ReadPolicy) {
        return Err(AuthorizationError::ForbiddenLookup);
    }
    person.ok_or(AuthorizationError::Unknown(Kind::Person))
}

/// What somebody has in a service. One round trip, whatever they have.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn effective(
    ports: &Ports,
    token: &PersonToken,
    person: &Ref,
    service: &Ref,
) -> Result<(Person, Access), AuthorizationError> {
    let what = (
        people::named(person),
        Effective {
            person: PersonOf::Named(person),
            service,
            now: ports.clock.now(),
        },
    );
    let (caller, (people, access)) = called(ports, token, &what).await?;
    let person = looked_up(&caller, people)?;
    Ok((
        person,
        access.ok_or(AuthorizationError::Unknown(Kind::Service))?,
    ))
}

/// A page of the services where somebody has something. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn services_of(
    ports: &Ports,
    token: &PersonToken,
    person: &Ref,
    page: Page,
) -> Result<Vec<Service>, AuthorizationError> {
    let (caller, people) = called(ports, token, &people::named(person)).await?;
    let person = looked_up(&caller, people)?;
    Ok(ask(
        ports.db.as_ref(),
        &access::services_of(person.id, page, caller.now),
    )
    .await?)
}

/// A page of the roles that somebody has in a service. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn roles_of(
    ports: &Ports,
    token: &PersonToken,
    person: &Ref,
    service: &Ref,
    page: Page,
) -> Result<Vec<Named>, AuthorizationError> {
    let (caller, (people, services)) = called(
        ports,
        token,
        &(people::named(person), services::named(service)),
    )
    .await?;
    let person = looked_up(&caller, people)?;
    let service = found(services, Kind::Service)?;
    Ok(ask(
        ports.db.as_ref(),
        &access::roles_of(person.id, service.id, page, caller.now),
    )
    .await?)
}

/// A page of the people who have something in a service, with what it is. Two round trips.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn holders(
    ports: &Ports,
    token: &PersonToken,
    service: &Ref,
    page: Page,
) -> Result<Vec<Holder>, AuthorizationError> {
    let (caller, services) = called(ports, token, &services::named(service)).await?;
    caller.needs(AuthPermission::ReadPolicy)?;
    let service = found(services, Kind::Service)?;
    Ok(ask(ports.db.as_ref(), &access::holders(service.id, page)).await?)
}

/// A page of what was changed, newest first. One round trip.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn changes(
    ports: &Ports,
    token: &PersonToken,
    page: Page,
) -> Result<Vec<Change>, AuthorizationError> {
    let (caller, list) = called(ports, token, &changes::list(page)).await?;
    caller.needs(AuthPermission::ReadChanges)?;
    Ok(list)
}
