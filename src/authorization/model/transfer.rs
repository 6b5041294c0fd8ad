//! People, services, roles, permissions and grants as one document, by names: as it is written to a
//! file and read from one.

use serde::{Deserialize, Serialize};

/// Everything there is, by names. What is built in is not among it, but for grants of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Permissions.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Roles, with the permissions of each.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Services, with the roles of each.
    #[serde(default)]
    pub services: Vec<Service>,
    /// People.
    #[serde(default)]
    pub people: Vec<Person>,
    /// What people have in services.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The names of its permissions.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The names of its roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Their username.
    pub username: String,
    /// Their name.
    pub name: String,
    /// Their address, where they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `N` or `J`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_type: Option<String>,
    /// `DNI`, `CE` or `RUC`; with a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_type: Option<String>,
    /// With a type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_number: Option<String>,
    /// A hash of their password: a PHC string of Argon2id, or bcrypt's. Only for somebody who is
    /// made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
}

/// A role or a permission of a person in a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Their username.
    pub person: String,
    /// The service's name.
    pub service: String,
    /// The role's name; or a permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The permission's name; or a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
    /// When it ends, in seconds since 1970; if missing: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl Grant {
    /// Whom, where and what, but for when it ends.
    #[must_use]
    pub fn what(&self) -> [Option<&str>; 4] {
        [
            Some(&self.person),
            Some(&self.service),
            self.role.as_deref(),
            self.permission.as_deref(),
        ]
    }
}
