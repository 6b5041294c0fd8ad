//! Services: what people have roles and permissions in. A deleted one keeps its id, and comes back
//! with its name.

use crate::authorization::store::preconditions::unless;
use crate::authorization::store::{Page, Query, Ref, Row, Statement, StoreError, sql};
use crate::kernel::model::time::Timestamp;

/// A service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Moved on by whatever changes what anybody may do in it.
    pub policy_version: i64,
    /// Whether it is the authorization service itself.
    pub built_in: bool,
    /// Whether it was deleted.
    pub deleted: bool,
}

pub(super) fn read(row: &Row) -> Result<Service, StoreError> {
    Ok(Service {
        id: row.integer("id")?,
        name: row.text("name")?,
        description: row.opt_text("description")?,
        policy_version: row.integer("policy_version")?,
        built_in: row.integer("built_in")? == 1,
        deleted: row.opt_time("deleted_at")?.is_some(),
    })
}

/// A page of those that are not deleted.
#[must_use]
pub fn list(page: Page) -> Query<Service> {
    let select = sql(
        "SELECT id, name, description, policy_version, built_in, deleted_at FROM services
          WHERE id > ?1 AND deleted_at IS NULL ORDER BY id LIMIT ?2",
        [page.after.into(), page.limit.into()],
    );
    Query::new(select, read)
}

/// The one that is named, if it is not deleted.
#[must_use]
pub fn named(who: &Ref) -> Query<Service> {
    let select = sql(
        "SELECT id, name, description, policy_version, built_in, deleted_at FROM services
          WHERE id = COALESCE(?1, (SELECT id FROM services WHERE name = ?2)) AND deleted_at IS NULL",
        who.params(),
    );
    Query::new(select, read)
}

/// The one with a name, also if it is deleted.
#[must_use]
pub fn ever_called(name: &str) -> Query<Service> {
    let select = sql(
        "SELECT id, name, description, policy_version, built_in, deleted_at FROM services WHERE name = ?1",
        [name.into()],
    );
    Query::new(select, read)
}

/// Makes one with the next id. Gives its row.
#[must_use]
pub fn insert(name: &str, description: Option<&str>, now: Timestamp) -> [Statement; 2] {
    let insert = sql(
        "INSERT INTO services (id, name, description, policy_version, built_in, created_at)
         SELECT last + 1, ?1, ?2, 1, 0, ?3 FROM id_counters WHERE thing = 'service' RETURNING id",
        [name.into(), description.into(), now.into()],
    );
    [
        insert,
        sql(
            "UPDATE id_counters SET last = last + 1 WHERE thing = 'service'",
            [],
        ),
    ]
}

/// Makes one with the next id, unless there is one of the name, deleted or not.
#[must_use]
pub fn insert_if_missing(name: &str, description: Option<&str>, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO services (id, name, description, policy_version, built_in, created_at)
         SELECT last + 1, ?1, ?2, 1, 0, ?3 FROM id_counters WHERE thing = 'service' ON CONFLICT (name) DO NOTHING",
        [name.into(), description.into(), now.into()],
    )
}

/// Counts the largest id that was given.
#[must_use]
pub fn next_id() -> Statement {
    sql(
        "UPDATE id_counters SET last = MAX(last, (SELECT COALESCE(MAX(id), 0) FROM services WHERE built_in = 0)) WHERE thing = 'service'",
        [],
    )
}

/// Makes one with a given id: for demo data.
#[must_use]
pub fn insert_as(id: i64, name: &str, description: Option<&str>, now: Timestamp) -> [Statement; 2] {
    let insert = sql(
        "INSERT INTO services (id, name, description, policy_version, built_in, created_at) VALUES (?1, ?2, ?3, 1, 0, ?4)",
        [id.into(), name.into(), description.into(), now.into()],
    );
    [
        insert,
        sql(
            "UPDATE id_counters SET last = MAX(last, ?1) WHERE thing = 'service'",
            [id.into()],
        ),
    ]
}

/// It is deleted still.
#[must_use]
pub fn is_deleted(id: i64) -> Statement {
    sql(
        unless!("EXISTS (SELECT 1 FROM services WHERE id = ?1 AND deleted_at IS NOT NULL)"),
        [id.into()],
    )
}

/// Brings a deleted one back. Gives its row.
#[must_use]
pub fn revive(id: i64, description: Option<&str>) -> Statement {
    sql(
        "UPDATE services SET deleted_at = NULL, description = ?2, policy_version = policy_version + 1
          WHERE id = ?1 AND deleted_at IS NOT NULL RETURNING id",
        [id.into(), description.into()],
    )
}

/// Gives it another name, another description.
#[must_use]
pub fn update(id: i64, name: &str, description: Option<&str>) -> Statement {
    sql(
        "UPDATE services SET name = ?2, description = ?3, policy_version = policy_version + 1
          WHERE id = ?1 AND built_in = 0 AND deleted_at IS NULL RETURNING id",
        [id.into(), name.into(), description.into()],
    )
}

/// Deletes it, with all that anybody had in it.
#[must_use]
pub fn delete(id: i64, now: Timestamp) -> [Statement; 3] {
    [
        sql(
            "DELETE FROM person_permissions WHERE service_id = ?1",
            [id.into()],
        ),
        // Who has the roles goes with them.
        sql(
            "DELETE FROM service_roles WHERE service_id = ?1",
            [id.into()],
        ),
        sql(
            "UPDATE services SET deleted_at = ?2, policy_version = policy_version + 1
              WHERE id = ?1 AND built_in = 0 AND deleted_at IS NULL RETURNING id",
            [id.into(), now.into()],
        ),
    ]
}

/// Moves the version of a service on.
#[must_use]
pub fn bump(id: i64) -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1 WHERE id = ?1",
        [id.into()],
    )
}

/// Moves the version on of every service that has a role.
#[must_use]
pub fn bump_of_role(role: i64) -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1 WHERE id IN (SELECT service_id FROM service_roles WHERE role_id = ?1)",
        [role.into()],
    )
}

/// Moves the version on of every service where a permission says something.
#[must_use]
pub fn bump_of_permission(permission: i64) -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1
          WHERE id IN (SELECT a.service_id FROM role_permissions AS m JOIN service_roles AS a ON a.role_id = m.role_id WHERE m.permission_id = ?1
                       UNION SELECT service_id FROM person_permissions WHERE permission_id = ?1)",
        [permission.into()],
    )
}

/// Moves the version on of every service where a person has something.
#[must_use]
pub fn bump_of_person(person: i64) -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1
          WHERE id IN (SELECT service_id FROM person_roles WHERE person_id = ?1 UNION SELECT service_id FROM person_permissions WHERE person_id = ?1)",
        [person.into()],
    )
}
