//! The checks of the people and the grants of an imported document.

use std::collections::BTreeSet;

use crate::accounts::domain::passwords::hash;
use crate::accounts::model::email::Email;
use crate::accounts::model::password::PasswordSettings;
use crate::authorization::model::names;
use crate::authorization::model::names::AuthPermission;
use crate::authorization::model::policy_document::{GrantEntry, PersonEntry};
use crate::kernel::model::text;

/// The name of the built-in service.
const AUTH: &str = "auth";
/// The names of the built-in roles.
const AUTH_ROLES: [&str; 2] = ["auth.administrator", "auth.checker"];

/// The names that exist after the import, for the check of grants.
pub(super) struct KnownNames<'a> {
    pub(super) permissions: &'a BTreeSet<String>,
    pub(super) services: &'a BTreeSet<String>,
    pub(super) people: &'a BTreeSet<String>,
    /// Services with their roles.
    pub(super) offered: BTreeSet<(&'a str, &'a str)>,
}

/// Returns the problem of a grant, if the grant has one.
pub(super) fn grant_problem(grant: &GrantEntry, known: &KnownNames<'_>) -> Option<String> {
    let of_auth = grant.service == AUTH;
    if !known.people.contains(&grant.person) {
        return Some("the person does not exist".to_owned());
    }
    if !of_auth && !known.services.contains(&grant.service) {
        return Some("the service does not exist".to_owned());
    }
    match (&grant.role, &grant.permission) {
        (Some(role), None) if of_auth => (!AUTH_ROLES.contains(&role.as_str()))
            .then(|| format!("the service auth has only its built-in roles, not the role {role}")),
        (Some(role), None) => (!known
            .offered
            .contains(&(grant.service.as_str(), role.as_str())))
        .then(|| format!("the service does not have the role {role}")),
        (None, Some(permission)) if of_auth => {
            let mut own = AuthPermission::ALL.iter();
            (!own.any(|own| own.as_str() == permission))
                .then(|| format!("the service auth has no permission {permission}"))
        }
        (None, Some(permission)) => (!known.permissions.contains(permission))
            .then(|| format!("the permission {permission} does not exist")),
        _ => Some("give either a role or a permission".to_owned()),
    }
}

/// Returns the problems of a person.
pub(super) fn person_problems(
    person: &PersonEntry,
    settings: &PasswordSettings,
) -> impl Iterator<Item = &'static str> + use<> {
    let is_valid = |text: &Option<String>, is_valid: &dyn Fn(&str) -> bool| {
        text.as_deref().is_none_or(is_valid)
    };
    let refused_hash = person
        .password_hash
        .as_deref()
        .and_then(|text| hash::import(settings, text).err());
    let checks = [
        (
            names::username(&person.username).is_some(),
            "the username is not valid",
        ),
        (
            person.name.is_empty() || text::name(&person.name).as_ref() == Some(&person.name),
            "the name is not valid",
        ),
        (
            is_valid(&person.email, &|email| Email::parse(email).is_some()),
            "the email address is not valid",
        ),
        (
            is_valid(&person.person_type, &|kind| {
                names::person_type(kind).is_some()
            }),
            "person_type must be N or J",
        ),
        (
            is_valid(&person.document_type, &|kind| {
                names::document_type(kind).is_some()
            }),
            "document_type must be DNI, CE or RUC",
        ),
        (
            is_valid(&person.document_number, &|number| {
                names::document_number(number).is_some()
            }),
            "document_number must be 1 to 20 letters and digits",
        ),
        (
            person.document_type.is_some() == person.document_number.is_some(),
            "give document_type and document_number together",
        ),
    ];
    checks
        .into_iter()
        .filter(|(is_valid, _)| !is_valid)
        .map(|(_, problem)| problem)
        .chain(refused_hash)
}
