//! The users of a role, a permission or a service: at most twenty names of each kind.

use crate::authorization::store::read::Query;
use crate::kernel::store::{Row, Statement, StoreError, sql};

/// A service, a role or a person that uses a role, a permission or a service.
#[derive(Clone, Debug)]
pub struct ResourceUser {
    /// The kind of the user: `services`, `roles` or `people`.
    pub kind: String,
    /// The name of the user.
    pub name: String,
}

impl TryFrom<&Row> for ResourceUser {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: row.text("kind")?,
            name: row.text("name")?,
        })
    }
}

/// Returns the services that have a role.
#[must_use]
pub fn services_of_role(role: i64) -> Query<ResourceUser> {
    let select = sql(
        "SELECT 'services' AS kind, s.name
           FROM service_roles AS a JOIN services AS s ON s.id = a.service_id
          WHERE a.role_id = ?1 LIMIT 20",
        [role.into()],
    );
    Query::rows(select)
}

/// Returns the people who have a role in a service.
#[must_use]
pub fn people_of_role(role: i64) -> Query<ResourceUser> {
    let select = sql(
        "SELECT DISTINCT 'people' AS kind, p.username AS name
           FROM service_roles AS a
           JOIN person_roles AS g ON g.service_id = a.service_id AND g.role_id = a.role_id
           JOIN people AS p ON p.id = g.person_id
          WHERE a.role_id = ?1 LIMIT 20",
        [role.into()],
    );
    Query::rows(select)
}

/// Returns the roles that have a permission.
#[must_use]
pub fn roles_of_permission(permission: i64) -> Query<ResourceUser> {
    let select = sql(
        "SELECT 'roles' AS kind, r.name
           FROM role_permissions AS m JOIN roles AS r ON r.id = m.role_id
          WHERE m.permission_id = ?1 LIMIT 20",
        [permission.into()],
    );
    Query::rows(select)
}

/// Returns the people who have a permission directly.
#[must_use]
pub fn people_of_permission(permission: i64) -> Query<ResourceUser> {
    let select = sql(
        "SELECT DISTINCT 'people' AS kind, p.username AS name
           FROM person_permissions AS g JOIN people AS p ON p.id = g.person_id
          WHERE g.permission_id = ?1 LIMIT 20",
        [permission.into()],
    );
    Query::rows(select)
}

/// Returns the people who have a role or a permission in a service.
#[must_use]
pub fn people_of_service(service: i64) -> Query<ResourceUser> {
    let select = sql(
        "SELECT 'people' AS kind, p.username AS name FROM people AS p
          WHERE p.id IN (SELECT person_id
                           FROM (SELECT DISTINCT person_id FROM person_roles
                                  WHERE service_id = ?1 ORDER BY person_id LIMIT 20)
                         UNION
                         SELECT person_id
                           FROM (SELECT DISTINCT person_id FROM person_permissions
                                  WHERE service_id = ?1 ORDER BY person_id LIMIT 20))
          ORDER BY p.id LIMIT 20",
        [service.into()],
    );
    Query::rows(select)
}

/// Requires that no service has a role.
#[must_use]
pub fn role_is_unused(role: i64) -> Statement {
    sql(
        "INSERT INTO preconditions (subject)
         SELECT 1 WHERE EXISTS (SELECT 1 FROM service_roles WHERE role_id = ?1)",
        [role.into()],
    )
}

/// Requires that no role and no person has a permission.
#[must_use]
pub fn permission_is_unused(permission: i64) -> Statement {
    sql(
        "INSERT INTO preconditions (subject)
         SELECT 1 WHERE EXISTS (SELECT 1 FROM role_permissions WHERE permission_id = ?1)
                     OR EXISTS (SELECT 1 FROM person_permissions WHERE permission_id = ?1)",
        [permission.into()],
    )
}

/// Requires that no person has a role or a permission in a service.
#[must_use]
pub fn service_is_unused(service: i64) -> Statement {
    sql(
        "INSERT INTO preconditions (subject)
         SELECT 1 WHERE EXISTS (SELECT 1 FROM person_roles WHERE service_id = ?1)
                     OR EXISTS (SELECT 1 FROM person_permissions WHERE service_id = ?1)",
        [service.into()],
    )
}
