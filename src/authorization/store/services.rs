//! Services, in which people have roles and permissions. A deleted service keeps its row, so that a
//! new service with its name gets its id.

use crate::authorization::model::names::IdOrName;
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::read::{Query, reference_params};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Row, Statement, StoreError, sql};

/// A service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The description, if the service has one.
    pub description: Option<String>,
    /// The version of the service's policy. It increases with every change that can change an
    /// answer about the service.
    pub policy_version: i64,
    /// Whether this is the service `auth`.
    pub built_in: bool,
    /// Whether the service is deleted.
    pub deleted: bool,
    /// Whether the service is deleted and grants in it are not removed yet.
    pub emptying: bool,
}

impl TryFrom<&Row> for Service {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.integer("id")?,
            name: row.text("name")?,
            description: row.opt_text("description")?,
            policy_version: row.integer("policy_version")?,
            built_in: row.integer("built_in")? == 1,
            deleted: row.opt_time("deleted_at")?.is_some(),
            emptying: row.integer("emptying")? == 1,
        })
    }
}

/// Returns a page of the services that are not deleted.
#[must_use]
pub fn list(page: PageRequest) -> Query<Service> {
    let select = sql(
        "SELECT id, name, description, policy_version, built_in, deleted_at, emptying
           FROM services
          WHERE id > ?1 AND deleted_at IS NULL ORDER BY id LIMIT ?2",
        [page.after.into(), page.limit.into()],
    );
    Query::rows(select)
}

/// Returns the service to which `reference` refers, if it is not deleted.
#[must_use]
pub fn by_reference(reference: &IdOrName) -> Query<Service> {
    let select = sql(
        "SELECT id, name, description, policy_version, built_in, deleted_at, emptying
           FROM services
          WHERE id = COALESCE(?1, (SELECT id FROM services WHERE name = ?2))
            AND deleted_at IS NULL",
        reference_params(reference),
    );
    Query::rows(select)
}

/// Returns the service with a name, also if it is deleted.
#[must_use]
pub fn by_name_or_deleted(name: &str) -> Query<Service> {
    let select = sql(
        "SELECT id, name, description, policy_version, built_in, deleted_at, emptying
           FROM services WHERE name = ?1",
        [name.into()],
    );
    Query::rows(select)
}

/// Requires that the service exists, with the name and the description that were read.
#[must_use]
pub fn is_unchanged(service: &Service) -> Statement {
    sql(
        "INSERT INTO preconditions (subject) SELECT 1 WHERE NOT EXISTS (
             SELECT 1 FROM services
              WHERE id = ?1 AND name = ?2 AND description IS ?3 AND deleted_at IS NULL)",
        [
            service.id.into(),
            service.name.as_str().into(),
            service.description.as_deref().into(),
        ],
    )
}

/// Requires that the service is deleted, and that no grant in it is left.
#[must_use]
pub fn is_deleted(id: i64) -> Statement {
    sql(
        "INSERT INTO preconditions (subject) SELECT 1 WHERE NOT EXISTS (
             SELECT 1 FROM services
              WHERE id = ?1 AND deleted_at IS NOT NULL AND emptying = 0)",
        [id.into()],
    )
}

/// Requires that no deleted service with the name has grants left.
#[must_use]
pub fn is_emptied(name: &str) -> Statement {
    sql(
        "INSERT INTO preconditions (subject)
         SELECT 1 FROM services WHERE name = ?1 AND emptying = 1",
        [name.into()],
    )
}

/// Inserts a service with the next id. The first statement returns its id.
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

/// Inserts a service with the next id, unless a service with the name exists or is deleted.
#[must_use]
pub fn insert_if_missing(name: &str, description: Option<&str>, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO services (id, name, description, policy_version, built_in, created_at)
         SELECT last + 1, ?1, ?2, 1, 0, ?3 FROM id_counters WHERE thing = 'service'
         ON CONFLICT (name) DO NOTHING",
        [name.into(), description.into(), now.into()],
    )
}

/// Raises the counter of ids to the largest id of a service that is not built in.
#[must_use]
pub fn count_largest_id() -> Statement {
    sql(
        "UPDATE id_counters
            SET last = MAX(last, (SELECT COALESCE(MAX(id), 0) FROM services WHERE built_in = 0))
          WHERE thing = 'service'",
        [],
    )
}

/// Inserts a service with a given id, as demo data needs.
#[must_use]
pub fn insert_with_id(
    id: i64,
    name: &str,
    description: Option<&str>,
    now: Timestamp,
) -> [Statement; 2] {
    let insert = sql(
        "INSERT INTO services (id, name, description, policy_version, built_in, created_at)
         VALUES (?1, ?2, ?3, 1, 0, ?4)",
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

/// Restores a deleted service. Returns its id.
#[must_use]
pub fn restore(id: i64, description: Option<&str>) -> Statement {
    sql(
        "UPDATE services
            SET deleted_at = NULL, description = ?2, policy_version = policy_version + 1
          WHERE id = ?1 AND deleted_at IS NOT NULL RETURNING id",
        [id.into(), description.into()],
    )
}

/// Restores a deleted service, or replaces the description of a service, by name.
#[must_use]
pub fn restore_or_describe(name: &str, description: Option<&str>) -> Statement {
    sql(
        "UPDATE services SET deleted_at = NULL, description = ?2
          WHERE name = ?1 AND built_in = 0",
        [name.into(), description.into()],
    )
}

/// Replaces the name and the description of a service.
#[must_use]
pub fn update(id: i64, name: &str, description: Option<&str>) -> Statement {
    sql(
        "UPDATE services SET name = ?2, description = ?3, policy_version = policy_version + 1
          WHERE id = ?1 AND built_in = 0 AND deleted_at IS NULL RETURNING id",
        [id.into(), name.into(), description.into()],
    )
}

/// Increases the policy version of a service.
#[must_use]
pub fn bump(id: i64) -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1 WHERE id = ?1",
        [id.into()],
    )
}

/// Increases the policy version of every service that is not deleted.
#[must_use]
pub fn bump_all() -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1
          WHERE id > 0 AND deleted_at IS NULL",
        [],
    )
}

/// Increases the policy version of every service in which a person has a role or a permission.
#[must_use]
pub fn bump_of_person(person: i64) -> Statement {
    sql(
        "UPDATE services SET policy_version = policy_version + 1
          WHERE id IN (SELECT service_id FROM person_roles WHERE person_id = ?1
                       UNION
                       SELECT service_id FROM person_permissions WHERE person_id = ?1)",
        [person.into()],
    )
}
