//! People, services, roles, permissions and grants as one document: taken out, and brought in again
//! elsewhere.
//!
//! Bringing in adds what is missing and changes what is described otherwise; it takes nothing away.
//! What it would do is known before it is done, and all of it is done at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::accounts::domain::passwords::hash;
use crate::accounts::model::email::Email;
use crate::accounts::model::password::Settings;
use crate::authorization::domain::AuthorizationError;
use crate::authorization::domain::Ports;
use crate::authorization::model::names as words;
use crate::authorization::model::names::AuthPermission;
use crate::authorization::model::transfer::{Document, Person, Role, Service};
use crate::authorization::store::changes::By;
use crate::authorization::store::transfer as store;
use crate::authorization::store::transfer::Step;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::text;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;

/// Why a document cannot be brought in.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// What is wrong with it, all of it.
    #[error("the document cannot be brought in:\n  - {}", .0.join("\n  - "))]
    Document(Vec<String>),
    /// There is something already where nothing may be.
    #[error(
        "there are people, services, roles or permissions already: this is for an empty database"
    )]
    NotEmpty,
    /// Everything else.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
}

impl From<StoreError> for TransferError {
    fn from(error: StoreError) -> Self {
        AuthorizationError::from(error).into()
    }
}

impl From<crate::kernel::domain::NoEntropy> for TransferError {
    fn from(error: crate::kernel::domain::NoEntropy) -> Self {
        AuthorizationError::from(error).into()
    }
}

/// All that there is; hashes of passwords only where they are asked for. One round trip.
///
/// # Errors
/// [`TransferError`]
pub async fn export(ports: &Ports, with_passwords: bool) -> Result<Document, TransferError> {
    let mut document = store::everything(ports.db.as_ref()).await?;
    if !with_passwords {
        document
            .people
            .iter_mut()
            .for_each(|person| person.password_hash = None);
    }
    Ok(document)
}

/// What bringing a document in does, as sentences; it is done unless this is a `dry` run.
///
/// # Errors
/// [`TransferError`]
pub async fn import(
    ports: &Ports,
    wanted: &Document,
    dry: bool,
    origin: &RequestOrigin,
) -> Result<Vec<String>, TransferError> {
    let here = store::everything(ports.db.as_ref()).await?;
    let steps = plan(&here, wanted, &ports.config.passwords, ports.clock.now())
        .map_err(TransferError::Document)?;
    let told = steps.iter().map(ToString::to_string).collect();
    if !dry && !steps.is_empty() {
        carry_out(ports, &steps, false, origin).await?;
    }
    Ok(told)
}

/// Brings a document into an empty database, with ids in its order.
///
/// # Errors
/// [`TransferError::NotEmpty`]
pub async fn seed(
    ports: &Ports,
    wanted: &Document,
    origin: &RequestOrigin,
) -> Result<usize, TransferError> {
    let here = store::everything(ports.db.as_ref()).await?;
    if here != Document::default() {
        return Err(TransferError::NotEmpty);
    }
    let steps = plan(&here, wanted, &ports.config.passwords, ports.clock.now())
        .map_err(TransferError::Document)?;
    carry_out(ports, &steps, true, origin).await?;
    Ok(steps.len())
}

/// Does all of it at once; with `numbered`, what is made has ids in its order.
async fn carry_out(
    ports: &Ports,
    steps: &[Step],
    numbered: bool,
    origin: &RequestOrigin,
) -> Result<(), TransferError> {
    let now = ports.clock.now();
    let by = By {
        person: None,
        name: origin.actor.clone(),
        request_id: origin.request_id.clone(),
        at: now,
    };
    let mut numbers: BTreeMap<&'static str, i64> = BTreeMap::new();
    let mut batch = Vec::new();
    for step in steps {
        let id = step.makes().map(|kind| {
            let number = numbers.entry(kind).or_default();
            *number = number.saturating_add(1);
            *number
        });
        let fresh = (
            ports.id(UserId::from_random)?,
            ports.event_context(origin, now)?,
        );
        batch.extend(store::statements(
            step,
            id.filter(|_| numbered),
            &fresh,
            &by,
        ));
    }
    batch.push(store::bump_all());
    match ports.db.batch(batch).await {
        Ok(_) => Ok(()),
        // Somebody made the same meanwhile.
        Err(StoreError::Conflict(_) | StoreError::Refused(_)) => {
            Err(AuthorizationError::Contended.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// What is to be done so that all that is wanted is there; what is wrong with what is wanted
/// otherwise.
#[allow(
    clippy::too_many_lines,
    reason = "one step after another, in the order of the document"
)]
fn plan(
    here: &Document,
    wanted: &Document,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<Step>, Vec<String>> {
    let mut problems = Problems(Vec::new());
    let mut steps = Vec::new();
    let permissions = problems.names("permission", &wanted.permissions, &here.permissions);
    steps.extend(
        permissions
            .new
            .iter()
            .map(|name| Step::Permission(name.clone())),
    );
    let (names, known): (Vec<_>, Vec<_>) = (
        names(&wanted.roles, |r| &r.name),
        names(&here.roles, |r| &r.name),
    );
    let roles = problems.names("role", &names, &known);
    steps.extend(roles.new.iter().map(|name| Step::Role(name.clone())));
    let had: BTreeMap<&str, &Role> = here
        .roles
        .iter()
        .map(|role| (role.name.as_str(), role))
        .collect();
    for role in &wanted.roles {
        for permission in &role.permissions {
            if !permissions.all.contains(permission) {
                problems.0.push(format!(
                    "role {}: there is no permission {permission}",
                    role.name
                ));
            } else if !had
                .get(role.name.as_str())
                .is_some_and(|had| had.permissions.contains(permission))
            {
                steps.push(Step::RolePermission {
                    role: role.name.clone(),
                    permission: permission.clone(),
                });
            }
        }
    }
    let services = plan_services(here, wanted, &roles.all, &mut problems, &mut steps);
    let people = plan_people(here, wanted, settings, &mut problems, &mut steps);
    let offered: BTreeSet<(&str, &str)> = here
        .services
        .iter()
        .chain(&wanted.services)
        .flat_map(|service| {
            service
                .roles
                .iter()
                .map(|role| (service.name.as_str(), role.as_str()))
        })
        .collect();
    let granted: BTreeMap<_, _> = here
        .grants
        .iter()
        .map(|grant| (grant.what(), grant.expires_at))
        .collect();
    for grant in &wanted.grants {
        let what = format!("grant to {} in {}", grant.person, grant.service);
        let of_auth = grant.service == "auth";
        match (&grant.role, &grant.permission) {
            _ if !people.contains(&grant.person) => {
                problems.0.push(format!("{what}: there is no such person"));
            }
            _ if !of_auth && !services.contains(&grant.service) => {
                problems.0.push(format!("{what}: there is no such service"));
            }
            (Some(role), None)
                if !of_auth && !offered.contains(&(grant.service.as_str(), role.as_str())) =>
            {
                problems
                    .0
                    .push(format!("{what}: the service does not have the role {role}"));
            }
            (None, Some(permission)) if !of_auth && !permissions.all.contains(permission) => {
                problems
                    .0
                    .push(format!("{what}: there is no permission {permission}"));
            }
            (Some(role), None) if of_auth && !AUTH_ROLES.contains(&role.as_str()) => {
                problems.0.push(format!(
                    "{what}: of auth only its own roles can be brought in, not {role}"
                ));
            }
            (None, Some(permission))
                if of_auth
                    && !AuthPermission::ALL
                        .iter()
                        .any(|own| own.as_str() == permission) =>
            {
                problems
                    .0
                    .push(format!("{what}: auth has no permission {permission}"));
            }
            // What has ended is not given, and what is there is never shortened.
            (Some(_), None) | (None, Some(_))
                if grant.expires_at.is_some_and(|ends| ends <= now.seconds()) => {}
            (Some(_), None) | (None, Some(_))
                if granted
                    .get(&grant.what())
                    .is_some_and(|ends| lasts(*ends) >= lasts(grant.expires_at)) => {}
            (Some(_), None) | (None, Some(_)) => steps.push(Step::Grant(grant.clone())),
            _ => problems
                .0
                .push(format!("{what}: name either a role or a permission")),
        }
    }
    if problems.0.is_empty() {
        Ok(steps)
    } else {
        Err(problems.0)
    }
}

/// The roles that the service itself has from the beginning.
const AUTH_ROLES: [&str; 2] = ["auth.administrator", "auth.checker"];

fn lasts(ends: Option<i64>) -> i64 {
    ends.unwrap_or(i64::MAX)
}

fn names<T>(list: &[T], name: impl Fn(&T) -> &String) -> Vec<String> {
    list.iter().map(|each| name(each).clone()).collect()
}

fn plan_services(
    here: &Document,
    wanted: &Document,
    roles: &BTreeSet<String>,
    problems: &mut Problems,
    steps: &mut Vec<Step>,
) -> BTreeSet<String> {
    let (wanted_names, known) = (
        names(&wanted.services, |s| &s.name),
        names(&here.services, |s| &s.name),
    );
    let services = problems.names("service", &wanted_names, &known);
    let had: BTreeMap<&str, &Service> = here
        .services
        .iter()
        .map(|service| (service.name.as_str(), service))
        .collect();
    for service in &wanted.services {
        let before = had.get(service.name.as_str());
        if service
            .description
            .as_deref()
            .is_some_and(|text| words::description(text).is_none())
        {
            problems.0.push(format!(
                "service {}: its description is too long",
                service.name
            ));
        }
        if before.is_none_or(|had| {
            service.description.is_some() && had.description != service.description
        }) {
            steps.push(Step::Service {
                name: service.name.clone(),
                description: service.description.clone(),
                new: before.is_none(),
            });
        }
        for role in &service.roles {
            if !roles.contains(role) {
                problems
                    .0
                    .push(format!("service {}: there is no role {role}", service.name));
            } else if !before.is_some_and(|had| had.roles.contains(role)) {
                steps.push(Step::ServiceRole {
                    service: service.name.clone(),
                    role: role.clone(),
                });
            }
        }
    }
    services.all
}

fn plan_people(
    here: &Document,
    wanted: &Document,
    settings: &Settings,
    problems: &mut Problems,
    steps: &mut Vec<Step>,
) -> BTreeSet<String> {
    let had: BTreeMap<&str, &Person> = here
        .people
        .iter()
        .map(|person| (person.username.as_str(), person))
        .collect();
    let mut documents: BTreeSet<(&str, &str)> = here
        .people
        .iter()
        .filter_map(|person| {
            Some((
                person.document_type.as_deref()?,
                person.document_number.as_deref()?,
            ))
        })
        .collect();
    let mut all: BTreeSet<String> = had.keys().map(|name| (*name).to_owned()).collect();
    let mut seen = BTreeSet::new();
    for person in &wanted.people {
        let what = format!("person {}", person.username);
        if !seen.insert(&person.username) {
            problems.0.push(format!("{what} is there twice"));
        }
        let checks = [
            (
                words::username(&person.username).is_some(),
                "the username cannot be one",
            ),
            (
                text::name(&person.name).as_ref() == Some(&person.name),
                "the name cannot be one",
            ),
            (
                person
                    .email
                    .as_deref()
                    .is_none_or(|email| Email::parse(email).is_some()),
                "the address is none",
            ),
            (
                person
                    .person_type
                    .as_deref()
                    .is_none_or(|kind| words::person_type(kind).is_some()),
                "person_type is N or J",
            ),
            (
                person
                    .document_type
                    .as_deref()
                    .is_none_or(|kind| words::document_type(kind).is_some()),
                "document_type is DNI, CE or RUC",
            ),
            (
                person
                    .document_number
                    .as_deref()
                    .is_none_or(|number| words::document_number(number).is_some()),
                "document_number cannot be one",
            ),
            (
                person.document_type.is_some() == person.document_number.is_some(),
                "document_type and document_number go together",
            ),
            (
                person
                    .password_hash
                    .as_deref()
                    .is_none_or(|stored| hash::is_acceptable(settings, stored)),
                "the password's hash is neither Argon2id nor bcrypt, or costs too much, or its pepper is not configured",
            ),
        ];
        problems.0.extend(
            checks
                .iter()
                .filter(|(ok, _)| !ok)
                .map(|(_, problem)| format!("{what}: {problem}")),
        );
        match had.get(person.username.as_str()) {
            None => {
                if let (Some(kind), Some(number)) = (&person.document_type, &person.document_number)
                    && !documents.insert((kind, number))
                {
                    problems
                        .0
                        .push(format!("{what}: somebody has this document already"));
                }
                steps.push(Step::Person(person.clone()));
            }
            Some(before) if before.name != person.name => {
                steps.push(Step::RenamePerson {
                    username: person.username.clone(),
                    name: person.name.clone(),
                });
            }
            Some(_) => {}
        }
        all.insert(person.username.clone());
    }
    all
}

struct Problems(Vec<String>);

/// Names that are new, and all that there are then.
struct Names {
    new: Vec<String>,
    all: BTreeSet<String>,
}

impl Problems {
    fn names(&mut self, kind: &str, wanted: &[String], here: &[String]) -> Names {
        let mut all: BTreeSet<String> = here.iter().cloned().collect();
        let (mut new, mut seen) = (Vec::new(), BTreeSet::new());
        for name in wanted {
            if !seen.insert(name) {
                self.0.push(format!("{kind} {name} is there twice"));
            }
            if words::new_name(name).as_ref() != Some(name) {
                self.0
                    .push(format!("{kind} {name}: this cannot be its name"));
            }
            if all.insert(name.clone()) {
                new.push(name.clone());
            }
        }
        Names { new, all }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(name) => write!(f, "permission {name}: made"),
            Self::Role(name) => write!(f, "role {name}: made"),
            Self::RolePermission { role, permission } => {
                write!(f, "role {role}: gets permission {permission}")
            }
            Self::Service {
                name, new: true, ..
            } => write!(f, "service {name}: made"),
            Self::Service { name, .. } => write!(f, "service {name}: gets another description"),
            Self::ServiceRole { service, role } => write!(f, "service {service}: gets role {role}"),
            Self::Person(person) => write!(f, "person {}: made", person.username),
            Self::RenamePerson { username, .. } => {
                write!(f, "person {username}: gets another name")
            }
            Self::Grant(grant) => {
                let what = grant.role.as_deref().map_or_else(
                    || {
                        format!(
                            "permission {}",
                            grant.permission.as_deref().unwrap_or_default()
                        )
                    },
                    |role| format!("role {role}"),
                );
                write!(
                    f,
                    "person {}: gets {what} in {}",
                    grant.person, grant.service
                )?;
                grant
                    .expires_at
                    .map_or(Ok(()), |ends| write!(f, " until {ends}"))
            }
        }
    }
}
