//! What relates things: permissions of roles, roles of services, roles and permissions of people in
//! services.

use crate::authorization::store::{
    Db, Named, Page, Query, Row, Statement, StoreError, people, services, sql,
};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, remove_in_batches};

/// A relation that can be made and undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// A permission of a role.
    RolePermission {
        /// The role.
        role: i64,
        /// The permission.
        permission: i64,
    },
    /// A role of a service.
    ServiceRole {
        /// The service.
        service: i64,
        /// The role.
        role: i64,
    },
    /// A role of a person in a service that has the role.
    PersonRole {
        /// The person.
        person: i64,
        /// The service.
        service: i64,
        /// The role.
        role: i64,
        /// Until when; `None`: for good.
        until: Option<Timestamp>,
    },
    /// A permission of a person in a service.
    PersonPermission {
        /// The person.
        person: i64,
        /// The service.
        service: i64,
        /// The permission.
        permission: i64,
        /// Until when; `None`: for good.
        until: Option<Timestamp>,
    },
}

/// That something is related, until when.
fn until(row: &Row) -> Result<Option<Timestamp>, StoreError> {
    row.opt_time("expires_at")
}

impl Relation {
    /// Whether it is there: a row with its end.
    #[must_use]
    pub fn existing(&self) -> Query<Option<Timestamp>> {
        let select = match *self {
            Self::RolePermission { role, permission } => sql(
                "SELECT NULL AS expires_at FROM role_permissions WHERE role_id = ?1 AND permission_id = ?2",
                [role.into(), permission.into()],
            ),
            Self::ServiceRole { service, role } => sql(
                "SELECT NULL AS expires_at FROM service_roles WHERE service_id = ?1 AND role_id = ?2",
                [service.into(), role.into()],
            ),
            Self::PersonRole {
                person,
                service,
                role,
                ..
            } => sql(
                "SELECT expires_at FROM person_roles WHERE person_id = ?1 AND service_id = ?2 AND role_id = ?3",
                [person.into(), service.into(), role.into()],
            ),
            Self::PersonPermission {
                person,
                service,
                permission,
                ..
            } => sql(
                "SELECT expires_at FROM person_permissions WHERE person_id = ?1 AND service_id = ?2 AND permission_id = ?3",
                [person.into(), service.into(), permission.into()],
            ),
        };
        Query::new(select, until)
    }

    /// Makes it, with its end. It fails if what it relates is not there.
    #[must_use]
    pub fn insert(&self) -> Statement {
        match *self {
            Self::RolePermission { role, permission } => sql(
                "INSERT INTO role_permissions (role_id, permission_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                [role.into(), permission.into()],
            ),
            Self::ServiceRole { service, role } => {
                sql("INSERT INTO service_roles (service_id, role_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING", [service.into(), role.into()])
            }
            Self::PersonRole { person, service, role, until } => sql(
                "INSERT INTO person_roles (person_id, service_id, role_id, expires_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
                [person.into(), service.into(), role.into(), until.into()],
            ),
            Self::PersonPermission { person, service, permission, until } => sql(
                "INSERT INTO person_permissions (person_id, service_id, permission_id, expires_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
                [person.into(), service.into(), permission.into(), until.into()],
            ),
        }
    }

    /// Undoes it. A role that a service loses, everybody loses there.
    #[must_use]
    pub fn delete(&self) -> Statement {
        match *self {
            Self::RolePermission { role, permission } => sql(
                "DELETE FROM role_permissions WHERE role_id = ?1 AND permission_id = ?2",
                [role.into(), permission.into()],
            ),
            Self::ServiceRole { service, role } => sql(
                "DELETE FROM service_roles WHERE service_id = ?1 AND role_id = ?2",
                [service.into(), role.into()],
            ),
            Self::PersonRole {
                person,
                service,
                role,
                ..
            } => sql(
                "DELETE FROM person_roles WHERE person_id = ?1 AND service_id = ?2 AND role_id = ?3",
                [person.into(), service.into(), role.into()],
            ),
            Self::PersonPermission {
                person,
                service,
                permission,
                ..
            } => sql(
                "DELETE FROM person_permissions WHERE person_id = ?1 AND service_id = ?2 AND permission_id = ?3",
                [person.into(), service.into(), permission.into()],
            ),
        }
    }

    /// Moves the version on of every service where it says something.
    #[must_use]
    pub fn bump(&self) -> Statement {
        match *self {
            Self::RolePermission { role, .. } => services::bump_of_role(role),
            Self::ServiceRole { service, .. }
            | Self::PersonRole { service, .. }
            | Self::PersonPermission { service, .. } => services::bump(service),
        }
    }
}

/// A page of the permissions of a role.
#[must_use]
pub fn permissions_of_role(role: i64, page: Page) -> Query<Named> {
    let select = sql(
        "SELECT p.id, p.name FROM role_permissions AS m JOIN permissions AS p ON p.id = m.permission_id
          WHERE m.role_id = ?1 AND m.permission_id > ?2 ORDER BY m.permission_id LIMIT ?3",
        [role.into(), page.after.into(), page.limit.into()],
    );
    Query::new(select, Named::read)
}

/// A page of the roles of a service.
#[must_use]
pub fn roles_of_service(service: &crate::authorization::store::Ref, page: Page) -> Query<Named> {
    let [id, name] = service.params();
    let select = sql(
        "SELECT r.id, r.name FROM service_roles AS a JOIN roles AS r ON r.id = a.role_id
          WHERE a.service_id = COALESCE(?1, (SELECT id FROM services WHERE name = ?2)) AND a.role_id > ?3 ORDER BY a.role_id LIMIT ?4",
        [id, name, page.after.into(), page.limit.into()],
    );
    Query::new(select, Named::read)
}

/// A page of the people who have a role in a service.
#[must_use]
pub fn people_with(service: i64, role: i64, page: Page, now: Timestamp) -> Query<people::Person> {
    let select = sql(
        concat!(
            "SELECT p.id, p.user_id, p.username, u.name, 0 AS of_auth
               FROM person_roles AS g JOIN people AS p ON p.id = g.person_id JOIN users AS u ON u.id = p.user_id
              WHERE g.service_id = ?1 AND g.role_id = ?2 AND g.person_id > ?3 AND ",
            counts!("?5"),
            " ORDER BY g.person_id LIMIT ?4"
        ),
        [service.into(), role.into(), page.after.into(), page.limit.into(), now.into()],
    );
    Query::new(select, people::read)
}

/// That what a relation relates is there: a service that is not deleted, and that has the role.
#[must_use]
pub fn relatable(relation: Relation) -> Statement {
    use crate::authorization::store::preconditions::unless;
    match relation {
        Relation::RolePermission { role, permission } => sql(
            unless!("EXISTS (SELECT 1 FROM roles WHERE id = ?1) AND EXISTS (SELECT 1 FROM permissions WHERE id = ?2)"),
            [role.into(), permission.into()],
        ),
        Relation::ServiceRole { service, role } => sql(
            unless!("EXISTS (SELECT 1 FROM services WHERE id = ?1 AND deleted_at IS NULL) AND EXISTS (SELECT 1 FROM roles WHERE id = ?2)"),
            [service.into(), role.into()],
        ),
        Relation::PersonRole { person, service, role, .. } => sql(
            unless!(
                "EXISTS (SELECT 1 FROM services WHERE id = ?2 AND deleted_at IS NULL) AND EXISTS (SELECT 1 FROM people WHERE id = ?1)
                 AND EXISTS (SELECT 1 FROM service_roles WHERE service_id = ?2 AND role_id = ?3)"
            ),
            [person.into(), service.into(), role.into()],
        ),
        Relation::PersonPermission { person, service, permission, .. } => sql(
            unless!(
                "EXISTS (SELECT 1 FROM services WHERE id = ?2 AND deleted_at IS NULL) AND EXISTS (SELECT 1 FROM people WHERE id = ?1)
                 AND EXISTS (SELECT 1 FROM permissions WHERE id = ?3)"
            ),
            [person.into(), service.into(), permission.into()],
        ),
    }
}

/// Whether a service has a role, by the service's number or name: a row with no end.
#[must_use]
pub fn of_service_role(
    service: &crate::authorization::store::Ref,
    role: i64,
) -> Query<Option<Timestamp>> {
    let [id, name] = service.params();
    let select = sql(
        "SELECT NULL AS expires_at FROM service_roles WHERE service_id = COALESCE(?1, (SELECT id FROM services WHERE name = ?2)) AND role_id = ?3",
        [id, name, role.into()],
    );
    Query::new(select, until)
}

/// What is known of a grant to somebody.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Until when they have it, if they do or did.
    pub until: Option<Option<Timestamp>>,
    /// Whether the service has the role; for permissions always.
    pub of_service: bool,
}

fn read_known(row: &Row) -> Result<Known, StoreError> {
    let there = row.integer("there")? == 1;
    Ok(Known {
        until: if there {
            Some(row.opt_time("expires_at")?)
        } else {
            None
        },
        of_service: row.integer("of_service")? == 1,
    })
}

/// The grant of what `?5` and `?6` name to whom `?1` and `?2` name, where `?3` and `?4` name.
macro_rules! grant_of {
    ($table:literal, $column:literal, $things:literal) => {
        concat!(
            "FROM ",
            $table,
            " WHERE person_id = COALESCE(?1, (SELECT id FROM people WHERE username = ?2))
                AND service_id = COALESCE(?3, (SELECT id FROM services WHERE name = ?4))
                AND ",
            $column,
            " = COALESCE(?5, (SELECT id FROM ",
            $things,
            " WHERE name = ?6))"
        )
    };
}

/// Whether somebody has, or had, a role or a permission in a service; one row.
#[must_use]
pub fn of_person(
    person: &crate::authorization::store::Ref,
    service: &crate::authorization::store::Ref,
    is_role: bool,
    thing: &crate::authorization::store::Ref,
) -> Query<Known> {
    let ([person, username], [service, name], [thing, thing_name]) =
        (person.params(), service.params(), thing.params());
    let params = [person, username, service, name, thing, thing_name];
    let select = if is_role {
        sql(
            concat!(
                "SELECT (SELECT COUNT(*) ",
                grant_of!("person_roles", "role_id", "roles"),
                ") AS there, (SELECT expires_at ",
                grant_of!("person_roles", "role_id", "roles"),
                ") AS expires_at, EXISTS (SELECT 1 FROM service_roles WHERE service_id = COALESCE(?3, (SELECT id FROM services WHERE name = ?4))
                     AND role_id = COALESCE(?5, (SELECT id FROM roles WHERE name = ?6))) AS of_service"
            ),
            params,
        )
    } else {
        sql(
            concat!(
                "SELECT (SELECT COUNT(*) ",
                grant_of!("person_permissions", "permission_id", "permissions"),
                ") AS there, (SELECT expires_at ",
                grant_of!("person_permissions", "permission_id", "permissions"),
                ") AS expires_at, 1 AS of_service"
            ),
            params,
        )
    };
    Query::new(select, read_known)
}

/// That a relation is as it was seen: with its end, or not there.
#[must_use]
pub fn still(relation: Relation, seen: Option<Option<Timestamp>>) -> Statement {
    use crate::authorization::store::preconditions::unless;
    let (there, until) = (i64::from(seen.is_some()), seen.flatten());
    match relation {
        Relation::RolePermission { role, permission } => sql(
            unless!("EXISTS (SELECT 1 FROM role_permissions WHERE role_id = ?1 AND permission_id = ?2) = ?3"),
            [role.into(), permission.into(), there.into()],
        ),
        Relation::ServiceRole { service, role } => sql(
            unless!("EXISTS (SELECT 1 FROM service_roles WHERE service_id = ?1 AND role_id = ?2) = ?3"),
            [service.into(), role.into(), there.into()],
        ),
        Relation::PersonRole { person, service, role, .. } => sql(
            unless!(
                "(SELECT COUNT(*) FROM person_roles WHERE person_id = ?1 AND service_id = ?2 AND role_id = ?3) = ?4
                 AND (?4 = 0 OR (SELECT expires_at FROM person_roles WHERE person_id = ?1 AND service_id = ?2 AND role_id = ?3) IS ?5)"
            ),
            [person.into(), service.into(), role.into(), there.into(), until.into()],
        ),
        Relation::PersonPermission { person, service, permission, .. } => sql(
            unless!(
                "(SELECT COUNT(*) FROM person_permissions WHERE person_id = ?1 AND service_id = ?2 AND permission_id = ?3) = ?4
                 AND (?4 = 0 OR (SELECT expires_at FROM person_permissions WHERE person_id = ?1 AND service_id = ?2 AND permission_id = ?3) IS ?5)"
            ),
            [person.into(), service.into(), permission.into(), there.into(), until.into()],
        ),
    }
}

/// Removes grants that ended before or at `before`, some batches of them; gives how many. They
/// grant nothing any more, so no version moves on.
///
/// # Errors
/// [`StoreError`]
pub async fn sweep(db: &dyn Db, before: Timestamp) -> Result<usize, StoreError> {
    let roles = sql(
        "DELETE FROM person_roles WHERE (person_id, service_id, role_id) IN (
             SELECT person_id, service_id, role_id FROM person_roles WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING person_id",
        [before.into(), CLEANUP_BATCH.into()],
    );
    let permissions = sql(
        "DELETE FROM person_permissions WHERE (person_id, service_id, permission_id) IN (
             SELECT person_id, service_id, permission_id FROM person_permissions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING person_id",
        [before.into(), CLEANUP_BATCH.into()],
    );
    Ok(remove_in_batches(db, roles, CLEANUP_BATCH).await?
        + remove_in_batches(db, permissions, CLEANUP_BATCH).await?)
}
