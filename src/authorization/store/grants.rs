//! Lists of grants, and the state of a grant before a change.

use crate::authorization::model::names::IdOrName;
use crate::authorization::model::page::PageRequest;
use crate::authorization::store::people::Person;
use crate::authorization::store::read::{NamedRow, Query, reference_params};
use crate::authorization::store::relations::ExistingRelation;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, remove_in_batches};
use crate::kernel::store::{Db, Row, StoreError, sql};

impl TryFrom<&Row> for ExistingRelation {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            until: row.opt_time("expires_at")?,
        })
    }
}

/// Returns whether a role has a permission: one row, or none.
#[must_use]
pub fn role_permission(role: i64, permission: i64) -> Query<ExistingRelation> {
    let select = sql(
        "SELECT NULL AS expires_at FROM role_permissions
          WHERE role_id = ?1 AND permission_id = ?2",
        [role.into(), permission.into()],
    );
    Query::rows(select)
}

/// Returns whether a service has a role: one row, or none.
#[must_use]
pub fn service_role(service: &IdOrName, role: i64) -> Query<ExistingRelation> {
    let [id, name] = reference_params(service);
    let select = sql(
        "SELECT NULL AS expires_at FROM service_roles
          WHERE service_id = COALESCE(?1, (SELECT id FROM services WHERE name = ?2))
            AND role_id = ?3",
        [id, name, role.into()],
    );
    Query::rows(select)
}

/// Returns a page of the permissions of a role.
#[must_use]
pub fn permissions_of_role(role: i64, page: PageRequest) -> Query<NamedRow> {
    let select = sql(
        "SELECT p.id, p.name
           FROM role_permissions AS m JOIN permissions AS p ON p.id = m.permission_id
          WHERE m.role_id = ?1 AND m.permission_id > ?2
          ORDER BY m.permission_id LIMIT ?3",
        [role.into(), page.after.into(), page.limit.into()],
    );
    Query::rows(select)
}

/// Returns a page of the roles of a service.
#[must_use]
pub fn roles_of_service(service: &IdOrName, page: PageRequest) -> Query<NamedRow> {
    let [id, name] = reference_params(service);
    let select = sql(
        "SELECT r.id, r.name FROM service_roles AS a JOIN roles AS r ON r.id = a.role_id
          WHERE a.service_id = COALESCE(?1, (SELECT id FROM services WHERE name = ?2))
            AND a.role_id > ?3
          ORDER BY a.role_id LIMIT ?4",
        [id, name, page.after.into(), page.limit.into()],
    );
    Query::rows(select)
}

/// Returns a page of the people who have an active grant of a role in a service.
#[must_use]
pub fn people_with_role(
    service: i64,
    role: i64,
    page: PageRequest,
    now: Timestamp,
) -> Query<Person> {
    let select = sql(
        "SELECT p.id, p.user_id, p.username, u.name, u.email, 0 AS of_auth
           FROM person_roles AS g
           JOIN people AS p ON p.id = g.person_id
           JOIN users AS u ON u.id = p.user_id
          WHERE g.service_id = ?1 AND g.role_id = ?2 AND g.ended = 0 AND g.person_id > ?3
            AND EXISTS (SELECT 1 FROM service_roles WHERE service_id = ?1 AND role_id = ?2)
            AND (g.expires_at IS NULL OR g.expires_at > ?5)
          ORDER BY g.person_id LIMIT ?4",
        [
            service.into(),
            role.into(),
            page.after.into(),
            page.limit.into(),
            now.into(),
        ],
    );
    Query::rows(select)
}

/// The state of a grant to a person, before a change of the grant.
#[derive(Clone, Copy, Debug)]
pub struct GrantState {
    /// The grant, if the person has it. An expired grant counts until its row is removed.
    pub existing: Option<ExistingRelation>,
    /// Whether the service has the role. Always true for a permission.
    pub offered: bool,
}

impl TryFrom<&Row> for GrantState {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let until = row.opt_time("expires_at")?;
        let exists = row.integer("grants")? == 1;
        Ok(Self {
            existing: exists.then_some(ExistingRelation { until }),
            offered: row.integer("offered")? == 1,
        })
    }
}

/// Returns the state of the grant of a role to a person in a service: one row.
#[must_use]
pub fn role_grant_state(person: &IdOrName, service: &IdOrName, role: i64) -> Query<GrantState> {
    let [person, username] = reference_params(person);
    let [service, name] = reference_params(service);
    let select = sql(
        "SELECT COUNT(*) AS grants, MAX(expires_at) AS expires_at,
                EXISTS (SELECT 1 FROM service_roles
                         WHERE service_id = COALESCE(?3, (SELECT id FROM services WHERE name = ?4))
                           AND role_id = ?5) AS offered
           FROM person_roles
          WHERE person_id = COALESCE(?1, (SELECT id FROM people WHERE username = ?2))
            AND service_id = COALESCE(?3, (SELECT id FROM services WHERE name = ?4))
            AND role_id = ?5",
        [person, username, service, name, role.into()],
    );
    Query::rows(select)
}

/// Returns the state of the grant of a permission to a person in a service: one row.
#[must_use]
pub fn permission_grant_state(
    person: &IdOrName,
    service: &IdOrName,
    permission: &IdOrName,
) -> Query<GrantState> {
    let [person, username] = reference_params(person);
    let [service, name] = reference_params(service);
    let [permission, permission_name] = reference_params(permission);
    let select = sql(
        "SELECT COUNT(*) AS grants, MAX(expires_at) AS expires_at, 1 AS offered
           FROM person_permissions
          WHERE person_id = COALESCE(?1, (SELECT id FROM people WHERE username = ?2))
            AND service_id = COALESCE(?3, (SELECT id FROM services WHERE name = ?4))
            AND permission_id = COALESCE(?5, (SELECT id FROM permissions WHERE name = ?6))",
        [person, username, service, name, permission, permission_name],
    );
    Query::rows(select)
}

/// Marks grants of roles that expired, in bounded batches. Returns the number of marked grants.
///
/// # Errors
/// [`StoreError`]
pub async fn mark_ended(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let update = sql(
        "UPDATE person_roles SET ended = 1
          WHERE (person_id, service_id, role_id) IN (
                SELECT person_id, service_id, role_id FROM person_roles
                 WHERE ended = 0 AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING person_id",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, update, CLEANUP_BATCH).await
}

/// Removes grants that expired at `before` or earlier, in bounded batches. Returns the number of
/// removed grants. No policy version increases, because an expired grant allows nothing.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, before: Timestamp) -> Result<usize, StoreError> {
    let roles = sql(
        "DELETE FROM person_roles
          WHERE (person_id, service_id, role_id) IN (
                SELECT person_id, service_id, role_id FROM person_roles
                 WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING person_id",
        [before.into(), CLEANUP_BATCH.into()],
    );
    let permissions = sql(
        "DELETE FROM person_permissions
          WHERE (person_id, service_id, permission_id) IN (
                SELECT person_id, service_id, permission_id FROM person_permissions
                 WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING person_id",
        [before.into(), CLEANUP_BATCH.into()],
    );
    Ok(remove_in_batches(db, roles, CLEANUP_BATCH).await?
        + remove_in_batches(db, permissions, CLEANUP_BATCH).await?)
}
