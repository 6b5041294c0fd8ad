//! Taking everything out, and bringing a document in: what it makes is found by its names, so that
//! all of it fits in one batch.

use crate::accounts::model::email::Email;
use crate::accounts::model::password::PasswordHash;
use crate::accounts::store::events;
use crate::authorization::model::names::no_address;
use crate::authorization::model::transfer::{Document, Grant, Person, Role, Service};
use crate::authorization::store::changes;
use crate::authorization::store::changes::{About, By};
use crate::authorization::store::people::New;
use crate::authorization::store::{BUILT_IN, services, things};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Row, Rows, Statement, StoreError, rows, sql};

/// Something to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A permission is made.
    Permission(String),
    /// A role is made.
    Role(String),
    /// A role gets a permission.
    RolePermission {
        /// The role.
        role: String,
        /// The permission.
        permission: String,
    },
    /// A service is made, comes back, or gets another description.
    Service {
        /// Its name.
        name: String,
        /// What it is.
        description: Option<String>,
        /// Whether it is made.
        new: bool,
    },
    /// A service gets a role.
    ServiceRole {
        /// The service.
        service: String,
        /// The role.
        role: String,
    },
    /// Somebody is made.
    Person(Person),
    /// Somebody gets another name.
    RenamePerson {
        /// Who.
        username: String,
        /// The name.
        name: String,
    },
    /// Somebody gets something.
    Grant(Grant),
}

impl Step {
    /// What kind of thing with an id it makes, if any.
    #[must_use]
    pub const fn makes(&self) -> Option<&'static str> {
        match self {
            Self::Permission(_) => Some("permission"),
            Self::Role(_) => Some("role"),
            Self::Service { new: true, .. } => Some("service"),
            Self::Person(_) => Some("person"),
            _ => None,
        }
    }
}

/// What carries a step out; with an id where it is given.
#[must_use]
pub fn statements(
    step: &Step,
    id: Option<i64>,
    (user, context): &(UserId, EventContext),
    by: &By,
) -> Vec<Statement> {
    let now = by.at;
    let detail = |text: String| serde_json::json!({"import": text});
    match step {
        Step::Permission(name) => {
            let mut made: Vec<_> =
                id.map_or_else(|| things::permissions::insert(name), |id| things::permissions::insert_as(id, name)).into();
            made.push(changes::note_made(by, "permission_created", "permission", name, &serde_json::json!({"name": name})));
            made
        }
        Step::Role(name) => {
            let mut made: Vec<_> = id.map_or_else(|| things::roles::insert(name), |id| things::roles::insert_as(id, name)).into();
            made.push(changes::note_made(by, "role_created", "role", name, &serde_json::json!({"name": name})));
            made
        }
        Step::RolePermission { role, permission } => vec![
            sql(
                "INSERT INTO role_permissions (role_id, permission_id)
                 SELECT r.id, p.id FROM roles AS r JOIN permissions AS p ON p.name = ?2 WHERE r.name = ?1 AND r.built_in = 0",
                [role.as_str().into(), permission.as_str().into()],
            ),
            changes::note(by, "permission_added_to_role", About::default(), &detail(format!("{role}: {permission}"))),
        ],
        Step::Service { name, description, new } => {
            let description = description.as_deref();
            let back = sql(
                "UPDATE services SET deleted_at = NULL, description = ?2 WHERE name = ?1 AND built_in = 0",
                [name.as_str().into(), description.into()],
            );
            let mut made = match id {
                Some(id) => services::insert_as(id, name, description, now).to_vec(),
                None if *new => vec![back, services::insert_if_missing(name, description, now), services::next_id()],
                None => vec![back],
            };
            let action = if *new { "service_created" } else { "service_updated" };
            made.push(changes::note_made(by, action, "service", name, &serde_json::json!({"name": name, "description": description})));
            made
        }
        Step::ServiceRole { service, role } => vec![
            sql(
                "INSERT INTO service_roles (service_id, role_id)
                 SELECT s.id, r.id FROM services AS s JOIN roles AS r ON r.name = ?2 WHERE s.name = ?1 AND s.built_in = 0",
                [service.as_str().into(), role.as_str().into()],
            ),
            changes::note(by, "role_added_to_service", About::default(), &detail(format!("{service}: {role}"))),
        ],
        Step::Person(person) => {
            let nowhere = no_address(*user);
            let email = person.email.as_deref().and_then(Email::parse);
            let hash = person.password_hash.clone().map(PasswordHash::from_stored);
            let new = New {
                user: *user,
                id,
                email: email.as_ref().map_or(nowhere.as_str(), Email::as_str),
                username: &person.username,
                name: &person.name,
                person_type: person.person_type.as_deref(),
                document: person.document_type.as_deref().zip(person.document_number.as_deref()),
                password: hash.as_ref(),
            };
            let mut made = new.insert(now);
            made.push(events::about_user(context, EventKind::UserCreated, *user));
            let detail = serde_json::json!({"username": person.username});
            made.push(changes::note_made(by, "user_created", "person", &person.username, &detail));
            made
        }
        Step::RenamePerson { username, name } => vec![
            sql(
                "UPDATE users SET name = ?2, updated_at = ?3 WHERE id = (SELECT user_id FROM people WHERE username = ?1)",
                [username.as_str().into(), name.as_str().into(), now.into()],
            ),
            changes::note_made(by, "user_updated", "person", username, &serde_json::json!({"name": true})),
        ],
        Step::Grant(grant) => grant_statements(grant, by),
    }
}

fn grant_statements(grant: &Grant, by: &By) -> Vec<Statement> {
    let until = grant.expires_at.map(|seconds| seconds.saturating_mul(1000));
    let thing = grant
        .role
        .as_deref()
        .or(grant.permission.as_deref())
        .unwrap_or_default();
    let params = [
        grant.person.as_str().into(),
        grant.service.as_str().into(),
        thing.into(),
        until.into(),
    ];
    let (insert, action) = if grant.role.is_some() {
        let insert = "INSERT INTO person_roles (person_id, service_id, role_id, expires_at)
             SELECT p.id, s.id, r.id, ?4 FROM people AS p JOIN services AS s ON s.name = ?2 JOIN roles AS r ON r.name = ?3 WHERE p.username = ?1
             ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at";
        (sql(insert, params), "role_granted")
    } else {
        let insert = "INSERT INTO person_permissions (person_id, service_id, permission_id, expires_at)
             SELECT p.id, s.id, m.id, ?4 FROM people AS p JOIN services AS s ON s.name = ?2 JOIN permissions AS m ON m.name = ?3 WHERE p.username = ?1
             ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at";
        (sql(insert, params), "permission_granted")
    };
    let detail = serde_json::json!({
        "username": grant.person, "service": grant.service, "name": thing, "expires_at": grant.expires_at,
    });
    vec![
        insert,
        changes::note_made(by, action, "person", &grant.person, &detail),
    ]
}

/// Moves the version of every service on.
#[must_use]
pub fn bump_all() -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1",
        [],
    )
}

/// Everything there is: for the command line, which has the whole database. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn everything(db: &dyn Db) -> Result<Document, StoreError> {
    let own = || [BUILT_IN.into()];
    let batch = vec![
        sql("SELECT name FROM permissions WHERE id < ?1 ORDER BY id", own()),
        sql(
            "SELECT r.name, COALESCE((SELECT json_group_array(p.name) FROM role_permissions AS m JOIN permissions AS p ON p.id = m.permission_id
                WHERE m.role_id = r.id), '[]') AS list FROM roles AS r WHERE r.id < ?1 ORDER BY r.id",
            own(),
        ),
        sql(
            "SELECT s.name, s.description, COALESCE((SELECT json_group_array(r.name) FROM service_roles AS a JOIN roles AS r ON r.id = a.role_id
                WHERE a.service_id = s.id), '[]') AS list FROM services AS s WHERE s.id < ?1 AND s.deleted_at IS NULL ORDER BY s.id",
            own(),
        ),
        sql(
            "SELECT p.username, u.name, u.email, p.person_type, p.document_type, p.document_number, w.hash
               FROM people AS p JOIN users AS u ON u.id = p.user_id LEFT JOIN passwords AS w ON w.user_id = p.user_id ORDER BY p.id",
            [],
        ),
        sql(
            "SELECT p.username, s.name AS service, r.name AS role, NULL AS permission, g.expires_at
               FROM person_roles AS g JOIN people AS p ON p.id = g.person_id JOIN services AS s ON s.id = g.service_id JOIN roles AS r ON r.id = g.role_id
             UNION ALL
             SELECT p.username, s.name, NULL, m.name, g.expires_at
               FROM person_permissions AS g JOIN people AS p ON p.id = g.person_id JOIN services AS s ON s.id = g.service_id
               JOIN permissions AS m ON m.id = g.permission_id",
            [],
        ),
    ];
    read(&db.batch(batch).await?)
}

fn read(results: &[Rows]) -> Result<Document, StoreError> {
    let list = |row: &Row| {
        serde_json::from_str(&row.text("list")?)
            .map_err(|error| StoreError::Broken(error.to_string()))
    };
    let person = |row: &Row| {
        let email = row.text("email")?;
        Ok::<_, StoreError>(Person {
            username: row.text("username")?,
            name: row.opt_text("name")?.unwrap_or_default(),
            email: Some(email).filter(|email| !email.ends_with("@people.invalid")),
            person_type: row.opt_text("person_type")?,
            document_type: row.opt_text("document_type")?,
            document_number: row.opt_text("document_number")?,
            password_hash: row.opt_text("hash")?,
        })
    };
    let grant = |row: &Row| {
        Ok::<_, StoreError>(Grant {
            person: row.text("username")?,
            service: row.text("service")?,
            role: row.opt_text("role")?,
            permission: row.opt_text("permission")?,
            expires_at: row
                .opt_time("expires_at")?
                .map(crate::kernel::model::time::Timestamp::seconds),
        })
    };
    let role = |row: &Row| {
        Ok::<_, StoreError>(Role {
            name: row.text("name")?,
            permissions: list(row)?,
        })
    };
    let service = |row: &Row| {
        Ok::<_, StoreError>(Service {
            name: row.text("name")?,
            description: row.opt_text("description")?,
            roles: list(row)?,
        })
    };
    Ok(Document {
        permissions: rows(results, 0)
            .iter()
            .map(|row| row.text("name"))
            .collect::<Result<_, _>>()?,
        roles: rows(results, 1)
            .iter()
            .map(role)
            .collect::<Result<_, _>>()?,
        services: rows(results, 2)
            .iter()
            .map(service)
            .collect::<Result<_, _>>()?,
        people: rows(results, 3)
            .iter()
            .map(person)
            .collect::<Result<_, _>>()?,
        grants: rows(results, 4)
            .iter()
            .map(grant)
            .collect::<Result<_, _>>()?,
    })
}
