//! TOTP secrets by the key that sealed them: found, and replaced by what another key sealed.

use super::{Db, StoreError, run, sql};
use crate::model::ids::UserId;

/// Secrets that are read, and replaced, in one round trip.
pub const RESEALED_AT_ONCE: usize = 50;

/// Secrets whose sealed text lies in a range, with their owners; at most [`RESEALED_AT_ONCE`]. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn sealed_between(db: &dyn Db, from: &str, to: &str) -> Result<Vec<(UserId, String)>, StoreError> {
    let most = i64::try_from(RESEALED_AT_ONCE).unwrap_or(i64::MAX);
    let select = sql("SELECT user_id, secret FROM totp WHERE secret >= ?1 AND secret < ?2 LIMIT ?3", [from.into(), to.into(), most.into()]);
    run(db, select).await?.iter().map(|row| Ok((row.parsed("user_id", UserId::parse)?, row.text("secret")?))).collect()
}

/// How many secrets lie in a range. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn count_between(db: &dyn Db, from: &str, to: &str) -> Result<i64, StoreError> {
    let select = sql("SELECT COUNT(*) AS found FROM totp WHERE secret >= ?1 AND secret < ?2", [from.into(), to.into()]);
    run(db, select).await?.first().map_or(Ok(0), |row| row.integer("found"))
}

/// A secret that was sealed anew.
#[derive(Debug)]
pub struct Resealed<'a> {
    /// Its owner.
    pub user: UserId,
    /// As it was: if it is not any more, nothing is replaced.
    pub old: &'a str,
    /// As it is to be.
    pub new: String,
}

/// Replaces sealed texts; gives how many. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn replace(db: &dyn Db, anew: &[Resealed<'_>]) -> Result<usize, StoreError> {
    let update = |each: &Resealed<'_>| {
        sql(
            "UPDATE totp SET secret = ?3 WHERE user_id = ?1 AND secret = ?2 RETURNING user_id",
            [each.user.into(), each.old.into(), each.new.as_str().into()],
        )
    };
    let results = db.batch(anew.iter().map(update).collect()).await?;
    Ok(results.iter().filter(|rows| !rows.is_empty()).count())
}
