//! Deletion of a service: marked first, and then its grants are removed in slices.

use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, CLEANUP_ROUNDS, Db, Rows, Statement, StoreError, remove_in_slices, run, sql,
};

/// Marks a service as deleted and removes the first slice of the grants in it. The last statement
/// returns a row if no grant is left.
#[must_use]
pub fn delete(id: i64, now: Timestamp) -> [Statement; 5] {
    let mark = sql(
        "UPDATE services
            SET deleted_at = ?2, emptying = 1, policy_version = policy_version + 1
          WHERE id = ?1 AND built_in = 0 AND deleted_at IS NULL RETURNING id",
        [id.into(), now.into()],
    );
    let [permissions, roles, offered, finish] = remove_slice(id);
    [mark, permissions, roles, offered, finish]
}

/// Removes a bounded number of grants in a deleted service, and of its roles that no person has.
fn remove_slice(id: i64) -> [Statement; 4] {
    let permissions = sql(
        "DELETE FROM person_permissions
          WHERE (person_id, service_id, permission_id) IN (
                SELECT person_id, service_id, permission_id FROM person_permissions
                 WHERE service_id = ?1 LIMIT ?2)
            AND EXISTS (SELECT 1 FROM services WHERE id = ?1 AND emptying = 1)
         RETURNING person_id",
        [id.into(), CLEANUP_BATCH.into()],
    );
    let roles = sql(
        "DELETE FROM person_roles
          WHERE (person_id, service_id, role_id) IN (
                SELECT person_id, service_id, role_id FROM person_roles
                 WHERE service_id = ?1 LIMIT ?2)
            AND EXISTS (SELECT 1 FROM services WHERE id = ?1 AND emptying = 1)
         RETURNING person_id",
        [id.into(), CLEANUP_BATCH.into()],
    );
    let offered = sql(
        "DELETE FROM service_roles
          WHERE service_id = ?1
            AND role_id IN (SELECT role_id FROM service_roles WHERE service_id = ?1 LIMIT ?2)
            AND NOT EXISTS (SELECT 1 FROM person_roles WHERE service_id = ?1)
            AND EXISTS (SELECT 1 FROM services WHERE id = ?1 AND emptying = 1)
         RETURNING role_id",
        [id.into(), CLEANUP_BATCH.into()],
    );
    let finish = sql(
        "UPDATE services SET emptying = 0
          WHERE id = ?1 AND emptying = 1
            AND NOT EXISTS (SELECT 1 FROM service_roles WHERE service_id = ?1)
            AND NOT EXISTS (SELECT 1 FROM person_roles WHERE service_id = ?1)
            AND NOT EXISTS (SELECT 1 FROM person_permissions WHERE service_id = ?1)
         RETURNING id",
        [id.into()],
    );
    [permissions, roles, offered, finish]
}

/// Removes grants that are left in a deleted service, in at most `rounds` slices. Returns the
/// number of removed rows, and the number of slices that were not needed.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_grants(
    db: &dyn Db,
    id: i64,
    rounds: usize,
) -> Result<(usize, usize), StoreError> {
    remove_in_slices(db, rounds, || remove_slice(id)).await
}

/// Removes grants in deleted services, in a few batches. Returns the number of removed rows.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_all(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let mut rounds = CLEANUP_ROUNDS;
    let mut total = 0;
    for row in waiting(db, now).await? {
        let (removed, left) = remove_grants(db, row.integer("id")?, rounds).await?;
        total += removed;
        rounds = left;
        if rounds == 0 {
            break;
        }
    }
    Ok(total)
}

/// Selects the services that were deleted first.
async fn waiting(db: &dyn Db, now: Timestamp) -> Result<Rows, StoreError> {
    let most = i64::try_from(CLEANUP_ROUNDS).unwrap_or(1);
    let select = sql(
        "SELECT id FROM services
          WHERE emptying = 1 AND deleted_at <= ?1 ORDER BY deleted_at LIMIT ?2",
        [now.into(), most.into()],
    );
    run(db, select).await
}
