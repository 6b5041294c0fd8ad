//! The policy document: people, services, roles, permissions and grants by name, as one JSON file.

use serde::{Deserialize, Serialize};

/// The whole policy by names. Built-in services, roles and permissions appear only in grants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// The names of the permissions.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// The roles, each with its permissions.
    #[serde(default)]
    pub roles: Vec<RoleEntry>,
    /// The services, each with its roles.
    #[serde(default)]
    pub services: Vec<ServiceEntry>,
    /// The people.
    #[serde(default)]
    pub people: Vec<PersonEntry>,
    /// The roles and permissions of people in services.
    #[serde(default)]
    pub grants: Vec<GrantEntry>,
}

/// A role in a policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleEntry {
    /// The name of the role.
    pub name: String,
    /// The names of the role's permissions.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// A service in a policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    /// The name of the service.
    pub name: String,
    /// The description of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The names of the service's roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// A person in a policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonEntry {
    /// The username.
    pub username: String,
    /// The display name. Empty for a person without one.
    pub name: String,
    /// The email address, if the person has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `N` for a natural person or `J` for a legal person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_type: Option<String>,
    /// `DNI`, `CE` or `RUC`. Requires `document_number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_type: Option<String>,
    /// The number of the identity document. Requires `document_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_number: Option<String>,
    /// The hash of the password, in one of the forms of docs/PASSWORDS.md. An import uses it only
    /// for a person whom it creates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// Who set the password. If missing, an operator did, such as the operator of an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_by: Option<SetterEntry>,
}

/// The setter of a person's password, in a policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetterEntry {
    /// The owner of the account.
    Owner,
    /// An unknown person.
    Unproved,
    /// Another person, by username.
    Person(String),
}

/// A role or a permission of a person in a service, in a policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantEntry {
    /// The username of the person.
    pub person: String,
    /// The name of the service.
    pub service: String,
    /// The name of the role. Excludes `permission`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The name of the permission. Excludes `role`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
    /// When the grant expires, in seconds since 1970. If missing, the grant does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl GrantEntry {
    /// Returns the person, the service, the role and the permission. Two grants with the same key
    /// differ only in when they expire.
    #[must_use]
    pub fn key(&self) -> [Option<&str>; 4] {
        [
            Some(&self.person),
            Some(&self.service),
            self.role.as_deref(),
            self.permission.as_deref(),
        ]
    }
}
