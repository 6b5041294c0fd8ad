//! One-time challenges of ceremonies.

use super::{Db, SWEEP_BATCH, StoreError, run_until_short, sql};
use crate::model::time::Timestamp;

/// Removes challenges that have ended, some batches of them; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn sweep(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING id",
        [now.into(), SWEEP_BATCH.into()],
    );
    run_until_short(db, delete).await
}
