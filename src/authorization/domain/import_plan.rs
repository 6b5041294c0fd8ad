//! The plan of an import: the steps that bring the policy to a document, or the problems of the
//! document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::accounts::domain::passwords::hash;
use crate::accounts::model::password::PasswordSettings;
use crate::authorization::domain::import_checks::{KnownNames, grant_problem, person_problems};
use crate::authorization::model::names;
use crate::authorization::model::policy_document::{
    GrantEntry, PersonEntry, PolicyDocument, RoleEntry, ServiceEntry,
};
use crate::authorization::store::import::ImportStep;
use crate::kernel::model::time::Timestamp;

/// Plans the steps from the `existing` policy to the `wanted` one.
///
/// # Errors
/// All problems of the wanted document.
pub(super) fn plan(
    existing: &PolicyDocument,
    wanted: &PolicyDocument,
    settings: &PasswordSettings,
    now: Timestamp,
) -> Result<Vec<ImportStep>, Vec<String>> {
    let mut plan = Planner::default();
    let permissions = plan.permissions(existing, wanted);
    let roles = plan.roles(existing, wanted, &permissions);
    let services = plan.services(existing, wanted, &roles);
    let people = plan.people(existing, wanted, settings);
    let known = KnownNames {
        permissions: &permissions,
        services: &services,
        people: &people,
        offered: offered_roles(existing, wanted),
    };
    plan.grants(existing, wanted, &known, now);
    if plan.problems.is_empty() {
        Ok(plan.steps)
    } else {
        Err(plan.problems)
    }
}

fn offered_roles<'a>(
    existing: &'a PolicyDocument,
    wanted: &'a PolicyDocument,
) -> BTreeSet<(&'a str, &'a str)> {
    let services = existing.services.iter().chain(&wanted.services);
    let offered = services.flat_map(|service| {
        let roles = service.roles.iter();
        roles.map(|role| (service.name.as_str(), role.as_str()))
    });
    offered.collect()
}

/// The steps and the problems that were found so far.
#[derive(Default)]
struct Planner {
    steps: Vec<ImportStep>,
    problems: Vec<String>,
}

/// The names of one kind of row.
struct PlannedNames {
    /// The names to create, in the order of the document.
    new: Vec<String>,
    /// All names after the import.
    all: BTreeSet<String>,
}

impl Planner {
    /// Checks the wanted names of one kind of row.
    fn names<'a>(
        &mut self,
        kind: &str,
        wanted: impl IntoIterator<Item = &'a String>,
        existing: impl IntoIterator<Item = &'a String>,
    ) -> PlannedNames {
        let mut all: BTreeSet<String> = existing.into_iter().cloned().collect();
        let (mut new, mut seen) = (Vec::new(), BTreeSet::new());
        for name in wanted {
            if !seen.insert(name) {
                self.problems.push(format!("{kind} {name} appears twice"));
            }
            if names::new_name(name).as_ref() != Some(name) {
                self.problems
                    .push(format!("{kind} {name}: the name is not valid"));
            }
            if all.insert(name.clone()) {
                new.push(name.clone());
            }
        }
        PlannedNames { new, all }
    }

    fn permissions(
        &mut self,
        existing: &PolicyDocument,
        wanted: &PolicyDocument,
    ) -> BTreeSet<String> {
        let planned = self.names("permission", &wanted.permissions, &existing.permissions);
        self.steps
            .extend(planned.new.into_iter().map(ImportStep::Permission));
        planned.all
    }

    fn roles(
        &mut self,
        existing: &PolicyDocument,
        wanted: &PolicyDocument,
        permissions: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let wanted_names = wanted.roles.iter().map(|role| &role.name);
        let existing_names = existing.roles.iter().map(|role| &role.name);
        let planned = self.names("role", wanted_names, existing_names);
        self.steps
            .extend(planned.new.into_iter().map(ImportStep::Role));
        let before: BTreeMap<&str, &RoleEntry> = existing
            .roles
            .iter()
            .map(|role| (role.name.as_str(), role))
            .collect();
        for role in &wanted.roles {
            let before = before.get(role.name.as_str());
            for permission in &role.permissions {
                if !permissions.contains(permission) {
                    self.problems.push(format!(
                        "role {}: the permission {permission} does not exist",
                        role.name
                    ));
                } else if !before.is_some_and(|role| role.permissions.contains(permission)) {
                    self.steps.push(ImportStep::RolePermission {
                        role: role.name.clone(),
                        permission: permission.clone(),
                    });
                }
            }
        }
        planned.all
    }

    fn services(
        &mut self,
        existing: &PolicyDocument,
        wanted: &PolicyDocument,
        roles: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let wanted_names = wanted.services.iter().map(|service| &service.name);
        let existing_names = existing.services.iter().map(|service| &service.name);
        let planned = self.names("service", wanted_names, existing_names);
        let before: BTreeMap<&str, &ServiceEntry> = existing
            .services
            .iter()
            .map(|service| (service.name.as_str(), service))
            .collect();
        for service in &wanted.services {
            self.service(service, before.get(service.name.as_str()).copied(), roles);
        }
        planned.all
    }

    fn service(
        &mut self,
        service: &ServiceEntry,
        before: Option<&ServiceEntry>,
        roles: &BTreeSet<String>,
    ) {
        let description = service.description.as_deref();
        if description.is_some_and(|text| names::description(text).is_none()) {
            self.problems.push(format!(
                "service {}: the description is too long",
                service.name
            ));
        }
        let is_described_differently = |before: &ServiceEntry| {
            service.description.is_some() && before.description != service.description
        };
        if before.is_none_or(is_described_differently) {
            self.steps.push(ImportStep::Service {
                name: service.name.clone(),
                description: service.description.clone(),
                new: before.is_none(),
            });
        }
        for role in &service.roles {
            if !roles.contains(role) {
                self.problems.push(format!(
                    "service {}: the role {role} does not exist",
                    service.name
                ));
            } else if !before.is_some_and(|before| before.roles.contains(role)) {
                self.steps.push(ImportStep::ServiceRole {
                    service: service.name.clone(),
                    role: role.clone(),
                });
            }
        }
    }

    fn people(
        &mut self,
        existing: &PolicyDocument,
        wanted: &PolicyDocument,
        settings: &PasswordSettings,
    ) -> BTreeSet<String> {
        let before: BTreeMap<&str, &PersonEntry> = existing
            .people
            .iter()
            .map(|person| (person.username.as_str(), person))
            .collect();
        let mut documents: BTreeSet<(&str, &str)> =
            existing.people.iter().filter_map(document_of).collect();
        let mut all: BTreeSet<String> = before.keys().map(|name| (*name).to_owned()).collect();
        let mut seen = BTreeSet::new();
        for person in &wanted.people {
            let what = format!("person {}", person.username);
            if !seen.insert(&person.username) {
                self.problems.push(format!("{what} appears twice"));
            }
            let problems = person_problems(person, settings);
            self.problems
                .extend(problems.map(|problem| format!("{what}: {problem}")));
            match before.get(person.username.as_str()) {
                None => {
                    if document_of(person).is_some_and(|document| !documents.insert(document)) {
                        self.problems
                            .push(format!("{what}: another person has this document"));
                    }
                    self.steps
                        .push(ImportStep::Person(with_stored_hash(person, settings)));
                }
                Some(before) if before.name != person.name => {
                    self.steps.push(ImportStep::RenamePerson {
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

    fn grants(
        &mut self,
        existing: &PolicyDocument,
        wanted: &PolicyDocument,
        known: &KnownNames<'_>,
        now: Timestamp,
    ) {
        let before: BTreeMap<_, _> = existing
            .grants
            .iter()
            .map(|grant| (grant.key(), expiry_order(grant.expires_at)))
            .collect();
        for grant in &wanted.grants {
            if let Some(problem) = grant_problem(grant, known) {
                let GrantEntry {
                    person, service, ..
                } = grant;
                self.problems
                    .push(format!("grant to {person} in {service}: {problem}"));
                continue;
            }
            // An import neither adds an expired grant nor shortens an existing one.
            let expires = expiry_order(grant.expires_at);
            let is_expired = expires <= now.seconds();
            let lasts_already = before
                .get(&grant.key())
                .is_some_and(|before| *before >= expires);
            if !is_expired && !lasts_already {
                self.steps.push(ImportStep::Grant(grant.clone()));
            }
        }
    }
}

/// Returns a number that is larger for a later expiry, and largest for none.
fn expiry_order(expires_at: Option<i64>) -> i64 {
    expires_at.unwrap_or(i64::MAX)
}

/// Returns the type and the number of a person's identity document.
fn document_of(person: &PersonEntry) -> Option<(&str, &str)> {
    person
        .document_type
        .as_deref()
        .zip(person.document_number.as_deref())
}

/// Returns the person with the form of the password hash that the database holds.
pub(super) fn with_stored_hash(person: &PersonEntry, settings: &PasswordSettings) -> PersonEntry {
    let text = person.password_hash.as_deref();
    let stored = text.and_then(|text| hash::import(settings, text).ok());
    PersonEntry {
        password_hash: stored.map(|hash| hash.as_str().to_owned()),
        ..person.clone()
    }
}

impl fmt::Display for ImportStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(name) => write!(f, "permission {name}: create"),
            Self::Role(name) => write!(f, "role {name}: create"),
            Self::RolePermission { role, permission } => {
                write!(f, "role {role}: add permission {permission}")
            }
            Self::Service {
                name, new: true, ..
            } => write!(f, "service {name}: create"),
            Self::Service { name, .. } => write!(f, "service {name}: change description"),
            Self::ServiceRole { service, role } => write!(f, "service {service}: add role {role}"),
            Self::Person(person) => write!(f, "person {}: create", person.username),
            Self::RenamePerson { username, .. } => write!(f, "person {username}: change name"),
            Self::Grant(grant) => {
                let (kind, name) = match (&grant.role, &grant.permission) {
                    (Some(role), _) => ("role", role.as_str()),
                    (None, permission) => ("permission", permission.as_deref().unwrap_or_default()),
                };
                let (person, service) = (&grant.person, &grant.service);
                write!(f, "person {person}: grant {kind} {name} in {service}")?;
                grant
                    .expires_at
                    .map_or(Ok(()), |expiry| write!(f, " until {expiry}"))
            }
        }
    }
}
