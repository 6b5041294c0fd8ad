//! Removal of grants in slices: of a role that a service lost, and of a deleted permission.
//!
//! The batch of the change removes the row that every check reads: the role of the service, or the
//! permission. So the grants allow nothing from then on. They can be many, so the batch marks them
//! and removes the first slice only.

use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, CLEANUP_ROUNDS, Db, Statement, StoreError, remove_in_slices, sql,
};

/// Takes a role from a service and removes the first slice of its grants there.
///
/// A slice holds all grants in the service `auth`, so checks of that service need not read the
/// roles of the service.
#[must_use]
pub fn remove_service_role(service: i64, role: i64, now: Timestamp) -> [Statement; 4] {
    let mark = sql(
        "INSERT INTO removed_roles (service_id, role_id, removed_at)
         SELECT service_id, role_id, ?3 FROM service_roles
          WHERE service_id = ?1 AND role_id = ?2",
        [service.into(), role.into(), now.into()],
    );
    let offered = sql(
        "DELETE FROM service_roles WHERE service_id = ?1 AND role_id = ?2",
        [service.into(), role.into()],
    );
    let grants = sql(
        "DELETE FROM person_roles
          WHERE (person_id, service_id, role_id) IN (
                SELECT person_id, service_id, role_id FROM person_roles
                 WHERE service_id = ?1 AND role_id = ?2 LIMIT ?3)",
        [service.into(), role.into(), CLEANUP_BATCH.into()],
    );
    let finish = sql(
        "DELETE FROM removed_roles
          WHERE service_id = ?1 AND role_id = ?2
            AND NOT EXISTS (SELECT 1 FROM person_roles WHERE service_id = ?1 AND role_id = ?2)",
        [service.into(), role.into()],
    );
    [mark, offered, grants, finish]
}

/// Marks the grants of a role in every service. The deletion of the role follows in the batch.
#[must_use]
pub fn mark_role(role: i64, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO removed_roles (service_id, role_id, removed_at)
         SELECT service_id, role_id, ?2 FROM service_roles WHERE role_id = ?1",
        [role.into(), now.into()],
    )
}

/// Marks the grants of a permission. The deletion of the permission follows in the batch.
#[must_use]
pub fn mark_permission(permission: i64, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO removed_permissions (permission_id, removed_at) VALUES (?1, ?2)",
        [permission.into(), now.into()],
    )
}

/// Removes a bounded number of grants that were marked by `now`, the oldest marks first. The last
/// statement returns a row if none is left.
#[must_use]
pub fn remove_slice(now: Timestamp) -> [Statement; 6] {
    let roles = sql(
        "DELETE FROM person_roles
          WHERE (person_id, service_id, role_id) IN (
                SELECT g.person_id, g.service_id, g.role_id
                  FROM (SELECT service_id AS lost_by, role_id AS lost FROM removed_roles
                         WHERE removed_at <= ?2 ORDER BY removed_at LIMIT ?1)
                 CROSS JOIN person_roles AS g ON g.service_id = lost_by AND g.role_id = lost
                 LIMIT ?1)
         RETURNING person_id",
        [CLEANUP_BATCH.into(), now.into()],
    );
    let removed_roles = sql(
        "DELETE FROM removed_roles
          WHERE (service_id, role_id) IN (
                SELECT lost_by, lost
                  FROM (SELECT service_id AS lost_by, role_id AS lost FROM removed_roles
                         WHERE removed_at <= ?2 ORDER BY removed_at LIMIT ?1)
                 WHERE NOT EXISTS (SELECT 1 FROM person_roles AS g
                                    WHERE g.service_id = lost_by AND g.role_id = lost))
         RETURNING role_id",
        [CLEANUP_BATCH.into(), now.into()],
    );
    let permissions = sql(
        "DELETE FROM person_permissions
          WHERE (person_id, service_id, permission_id) IN (
                SELECT g.person_id, g.service_id, g.permission_id
                  FROM (SELECT permission_id AS deleted FROM removed_permissions
                         WHERE removed_at <= ?2 ORDER BY removed_at LIMIT ?1)
                 CROSS JOIN person_permissions AS g ON g.permission_id = deleted
                 LIMIT ?1)
         RETURNING person_id",
        [CLEANUP_BATCH.into(), now.into()],
    );
    let of_roles = sql(
        "DELETE FROM role_permissions
          WHERE (role_id, permission_id) IN (
                SELECT m.role_id, m.permission_id
                  FROM (SELECT permission_id AS deleted FROM removed_permissions
                         WHERE removed_at <= ?2 ORDER BY removed_at LIMIT ?1)
                 CROSS JOIN role_permissions AS m ON m.permission_id = deleted
                 LIMIT ?1)
         RETURNING role_id",
        [CLEANUP_BATCH.into(), now.into()],
    );
    let removed_permissions = sql(
        "DELETE FROM removed_permissions
          WHERE permission_id IN (
                SELECT deleted
                  FROM (SELECT permission_id AS deleted FROM removed_permissions
                         WHERE removed_at <= ?2 ORDER BY removed_at LIMIT ?1)
                 WHERE NOT EXISTS (SELECT 1 FROM person_permissions AS g
                                    WHERE g.permission_id = deleted)
                   AND NOT EXISTS (SELECT 1 FROM role_permissions AS m
                                    WHERE m.permission_id = deleted))
         RETURNING permission_id",
        [CLEANUP_BATCH.into(), now.into()],
    );
    let finished = sql(
        "SELECT 1 AS finished
          WHERE NOT EXISTS (SELECT 1 FROM removed_roles WHERE removed_at <= ?1)
            AND NOT EXISTS (SELECT 1 FROM removed_permissions WHERE removed_at <= ?1)",
        [now.into()],
    );
    [
        roles,
        removed_roles,
        permissions,
        of_roles,
        removed_permissions,
        finished,
    ]
}

/// Removes marked grants in a few batches. Returns the number of removed rows.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_all(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let (removed, _) = remove_in_slices(db, CLEANUP_ROUNDS, || remove_slice(now)).await?;
    Ok(removed)
}
