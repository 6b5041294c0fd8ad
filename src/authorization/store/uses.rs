//! What uses a role, a permission or a service: up to twenty names of each kind.

use crate::authorization::store::preconditions::unless;
use crate::authorization::store::{Query, Row, Statement, StoreError, sql};

/// Something that uses what is to be deleted.
#[derive(Clone, Debug)]
pub struct Use {
    /// As what: `services`, `roles`, `people`.
    pub kind: String,
    /// A name.
    pub name: String,
}

fn read(row: &Row) -> Result<Use, StoreError> {
    Ok(Use {
        kind: row.text("kind")?,
        name: row.text("name")?,
    })
}

/// What uses a role: services that have it, people who have it there.
#[must_use]
pub fn uses_of_role(role: i64) -> Query<Use> {
    let select = sql(
        "SELECT 'services' AS kind, s.name FROM service_roles AS a JOIN services AS s ON s.id = a.service_id WHERE a.role_id = ?1 LIMIT 20",
        [role.into()],
    );
    Query::new(select, read)
}

/// People who have a role somewhere.
#[must_use]
pub fn people_of_role(role: i64) -> Query<Use> {
    let select = sql(
        "SELECT DISTINCT 'people' AS kind, p.username AS name
           FROM service_roles AS a JOIN person_roles AS g ON g.service_id = a.service_id AND g.role_id = a.role_id
           JOIN people AS p ON p.id = g.person_id WHERE a.role_id = ?1 LIMIT 20",
        [role.into()],
    );
    Query::new(select, read)
}

/// Roles that have a permission.
#[must_use]
pub fn roles_with(permission: i64) -> Query<Use> {
    let select = sql(
        "SELECT 'roles' AS kind, r.name FROM role_permissions AS m JOIN roles AS r ON r.id = m.role_id WHERE m.permission_id = ?1 LIMIT 20",
        [permission.into()],
    );
    Query::new(select, read)
}

/// People who have a permission directly.
#[must_use]
pub fn people_of_permission(permission: i64) -> Query<Use> {
    let select = sql(
        "SELECT DISTINCT 'people' AS kind, p.username AS name FROM person_permissions AS g JOIN people AS p ON p.id = g.person_id
          WHERE g.permission_id = ?1 LIMIT 20",
        [permission.into()],
    );
    Query::new(select, read)
}

/// People who have something in a service.
#[must_use]
pub fn people_of_service(service: i64) -> Query<Use> {
    let select = sql(
        "SELECT 'people' AS kind, p.username AS name FROM people AS p WHERE p.id IN (
             SELECT person_id FROM person_roles WHERE service_id = ?1 UNION SELECT person_id FROM person_permissions WHERE service_id = ?1 LIMIT 20)",
        [service.into()],
    );
    Query::new(select, read)
}

/// That nothing uses what is deleted: what [`uses_of_role`] and the others saw holds still.
#[must_use]
pub fn unused(thing: Thing) -> Statement {
    match thing {
        Thing::Role(id) => sql(
            unless!("NOT EXISTS (SELECT 1 FROM service_roles WHERE role_id = ?1)"),
            [id.into()],
        ),
        Thing::Permission(id) => sql(
            unless!(
                "NOT EXISTS (SELECT 1 FROM role_permissions WHERE permission_id = ?1)
                 AND NOT EXISTS (SELECT 1 FROM person_permissions WHERE permission_id = ?1)"
            ),
            [id.into()],
        ),
        Thing::Service(id) => sql(
            unless!(
                "NOT EXISTS (SELECT 1 FROM person_roles WHERE service_id = ?1)
                 AND NOT EXISTS (SELECT 1 FROM person_permissions WHERE service_id = ?1)"
            ),
            [id.into()],
        ),
    }
}

/// What can be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thing {
    /// A role.
    Role(i64),
    /// A permission.
    Permission(i64),
    /// A service.
    Service(i64),
}
