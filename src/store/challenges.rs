//! One-time challenges of ceremonies.

use super::{Db, StoreError, run, sql};
use crate::model::time::Timestamp;

/// Removes up to `limit` challenges that have ended; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn sweep(db: &dyn Db, now: Timestamp, limit: i64) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING id",
        [now.into(), limit.into()],
    );
    Ok(run(db, delete).await?.len())
}
