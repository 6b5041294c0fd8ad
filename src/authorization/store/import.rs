//! The steps of an import and their statements. A statement finds a row that the same batch creates
//! by its name, so that a whole import fits into one batch.

use serde_json::json;

use crate::accounts::model::email::Email;
use crate::accounts::model::password::PasswordHash;
use crate::accounts::store::events;
use crate::authorization::model::policy_document::{GrantEntry, PersonEntry, SetterEntry};
use crate::authorization::store::changes::{ChangeAuthor, ChangeSubject, CreatedKind};
use crate::authorization::store::people::{CredentialSetter, IdentityDocument, NewPersonRow};
use crate::authorization::store::permissions::PERMISSIONS;
use crate::authorization::store::roles::ROLES;
use crate::authorization::store::{changes, people, services};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, sql};

/// A step of an import.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImportStep {
    /// Creates a permission.
    Permission(String),
    /// Creates a role.
    Role(String),
    /// Adds a permission to a role.
    RolePermission {
        /// The name of the role.
        role: String,
        /// The name of the permission.
        permission: String,
    },
    /// Creates a service, restores a deleted service, or replaces the description of a service.
    Service {
        /// The name of the service.
        name: String,
        /// The description of the service.
        description: Option<String>,
        /// Whether the step creates or restores the service.
        new: bool,
    },
    /// Adds a role to a service.
    ServiceRole {
        /// The name of the service.
        service: String,
        /// The name of the role.
        role: String,
    },
    /// Creates a person.
    Person(PersonEntry),
    /// Changes the display name of a person.
    RenamePerson {
        /// The username.
        username: String,
        /// The new display name.
        name: String,
    },
    /// Grants a role or a permission to a person.
    Grant(GrantEntry),
}

impl ImportStep {
    /// Returns the kind of the row with an id that the step creates, if it creates one.
    #[must_use]
    pub const fn created_kind(&self) -> Option<CreatedKind> {
        match self {
            Self::Permission(_) => Some(CreatedKind::Permission),
            Self::Role(_) => Some(CreatedKind::Role),
            Self::Service { new: true, .. } => Some(CreatedKind::Service),
            Self::Person(_) => Some(CreatedKind::Person),
            _ => None,
        }
    }
}

/// The ids and the event context that a step may need.
#[derive(Debug)]
pub struct ImportContext<'a> {
    /// The id of the created row. If `None`, the row gets the next id.
    pub id: Option<i64>,
    /// The id of the account of a created person.
    pub user: UserId,
    /// The context of the event about a created account.
    pub event: EventContext,
    /// The author of the import.
    pub author: &'a ChangeAuthor,
}

/// Returns the statements of a step.
#[must_use]
pub fn statements(step: &ImportStep, context: &ImportContext<'_>) -> Vec<Statement> {
    let (id, author) = (context.id, context.author);
    match step {
        ImportStep::Permission(name) => create_permission(name, id, author),
        ImportStep::Role(name) => create_role(name, id, author),
        ImportStep::RolePermission { role, permission } => vec![
            sql(
                "INSERT INTO role_permissions (role_id, permission_id)
                 SELECT r.id, p.id FROM roles AS r JOIN permissions AS p ON p.name = ?2
                  WHERE r.name = ?1 AND r.built_in = 0",
                [role.as_str().into(), permission.as_str().into()],
            ),
            changes::record(
                author,
                "permission_added_to_role",
                ChangeSubject::default(),
                &json!({"import": format!("{role}: {permission}")}),
            ),
        ],
        ImportStep::Service {
            name,
            description,
            new,
        } => write_service(name, description.as_deref(), *new, context),
        ImportStep::ServiceRole { service, role } => vec![
            sql(
                "INSERT INTO preconditions (subject)
                 SELECT 1 FROM services AS s JOIN roles AS r ON r.name = ?2
                   JOIN removed_roles AS d ON d.service_id = s.id AND d.role_id = r.id
                  WHERE s.name = ?1",
                [service.as_str().into(), role.as_str().into()],
            ),
            sql(
                "INSERT INTO service_roles (service_id, role_id)
                 SELECT s.id, r.id FROM services AS s JOIN roles AS r ON r.name = ?2
                  WHERE s.name = ?1 AND s.built_in = 0",
                [service.as_str().into(), role.as_str().into()],
            ),
            changes::record(
                author,
                "role_added_to_service",
                ChangeSubject::default(),
                &json!({"import": format!("{service}: {role}")}),
            ),
        ],
        ImportStep::Person(person) => create_person(person, context),
        ImportStep::RenamePerson { username, name } => vec![
            people::rename(username, name, author.at),
            changes::record_by_name(
                author,
                "user_updated",
                CreatedKind::Person,
                username,
                &json!({"name": true}),
            ),
        ],
        ImportStep::Grant(grant) => create_grant(grant, author),
    }
}

/// Notes who set the password of a person whom the step creates, if the document says so.
///
/// The statement follows every step and the check of growing access: it copies the state of another
/// database, and the setter may come after the person in the document.
#[must_use]
pub fn note_setter(step: &ImportStep) -> Option<Statement> {
    let ImportStep::Person(person) = step else {
        return None;
    };
    let (note, setter) = match person.credentials_by.as_ref()? {
        SetterEntry::Owner => (None, None),
        SetterEntry::Unproved => (Some("unproved"), None),
        SetterEntry::Person(setter) => (Some("unproved"), Some(setter.as_str())),
    };
    Some(sql(
        "UPDATE users
            SET credentials_by = COALESCE((SELECT user_id FROM people WHERE username = ?3), ?2)
          WHERE id = (SELECT user_id FROM people WHERE username = ?1)",
        [person.username.as_str().into(), note.into(), setter.into()],
    ))
}

fn create_permission(name: &str, id: Option<i64>, author: &ChangeAuthor) -> Vec<Statement> {
    let [insert, count] = match id {
        Some(id) => PERMISSIONS.insert_with_id(id, name),
        None => PERMISSIONS.insert(name),
    };
    let detail = json!({"name": name});
    let record = changes::record_by_name(
        author,
        "permission_created",
        CreatedKind::Permission,
        name,
        &detail,
    );
    vec![insert, count, record]
}

fn create_role(name: &str, id: Option<i64>, author: &ChangeAuthor) -> Vec<Statement> {
    let [insert, count] = match id {
        Some(id) => ROLES.insert_with_id(id, name),
        None => ROLES.insert(name),
    };
    let detail = json!({"name": name});
    let record = changes::record_by_name(author, "role_created", CreatedKind::Role, name, &detail);
    vec![insert, count, record]
}

fn write_service(
    name: &str,
    description: Option<&str>,
    new: bool,
    context: &ImportContext<'_>,
) -> Vec<Statement> {
    let now = context.author.at;
    let restore = services::restore_or_describe(name, description);
    let mut statements = match context.id {
        Some(id) => services::insert_with_id(id, name, description, now).to_vec(),
        None if new => vec![
            services::is_emptied(name),
            restore,
            services::insert_if_missing(name, description, now),
            services::count_largest_id(),
        ],
        None => vec![restore],
    };
    let action = if new {
        "service_created"
    } else {
        "service_updated"
    };
    statements.push(changes::record_by_name(
        context.author,
        action,
        CreatedKind::Service,
        name,
        &json!({"name": name, "description": description}),
    ));
    statements
}

fn create_person(person: &PersonEntry, context: &ImportContext<'_>) -> Vec<Statement> {
    let placeholder = Email::placeholder(context.user);
    let email = person.email.as_deref().and_then(Email::parse);
    let hash = person.password_hash.clone().map(PasswordHash::from_stored);
    let document = person
        .document_type
        .as_deref()
        .zip(person.document_number.as_deref());
    let row = NewPersonRow {
        user: context.user,
        id: context.id,
        email: email.as_ref().unwrap_or(&placeholder).as_str(),
        username: &person.username,
        name: &person.name,
        person_type: person.person_type.as_deref(),
        document: document.map(|(kind, number)| IdentityDocument { kind, number }),
        password: hash.as_ref(),
        set_by: Some(CredentialSetter::Operator),
    };
    let mut statements = row.insert(context.author.at);
    statements.push(events::about_user(
        &context.event,
        EventKind::UserCreated,
        context.user,
    ));
    statements.push(changes::record_by_name(
        context.author,
        "user_created",
        CreatedKind::Person,
        &person.username,
        &json!({"username": person.username}),
    ));
    statements
}

fn create_grant(grant: &GrantEntry, author: &ChangeAuthor) -> Vec<Statement> {
    let until = grant
        .expires_at
        .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
    let granted = grant
        .role
        .as_deref()
        .or(grant.permission.as_deref())
        .unwrap_or_default();
    let params = [
        grant.person.as_str().into(),
        grant.service.as_str().into(),
        granted.into(),
        until.into(),
    ];
    let (insert, action) = if grant.role.is_some() {
        let insert = sql(
            "INSERT INTO person_roles (person_id, service_id, role_id, expires_at)
             SELECT p.id, s.id, r.id, ?4
               FROM people AS p
               JOIN services AS s ON s.name = ?2
               JOIN roles AS r ON r.name = ?3
               JOIN service_roles AS a ON a.service_id = s.id AND a.role_id = r.id
              WHERE p.username = ?1
             ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
            params,
        );
        (insert, "role_granted")
    } else {
        let insert = sql(
            "INSERT INTO person_permissions (person_id, service_id, permission_id, expires_at)
             SELECT p.id, s.id, m.id, ?4
               FROM people AS p
               JOIN services AS s ON s.name = ?2
               JOIN permissions AS m ON m.name = ?3
              WHERE p.username = ?1
             ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
            params,
        );
        (insert, "permission_granted")
    };
    let detail = json!({
        "username": grant.person,
        "service": grant.service,
        "name": granted,
        "expires_at": grant.expires_at,
    });
    let record =
        changes::record_by_name(author, action, CreatedKind::Person, &grant.person, &detail);
    vec![insert, record]
}
