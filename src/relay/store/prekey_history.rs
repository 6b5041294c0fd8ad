//! The hashes of the prekeys that an account uploaded. No prekey is uploaded twice.
//!
//! The hashes are compared in the program and not in a statement, because 100 searches in 440 KB
//! take so long that other callers would wait for the database.

use std::collections::HashSet;

use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Row, StoreError, run, sql};
use crate::relay::model::keys::HASH_CHARS;

/// The number of characters of the hashes in one row of the history: 4,000 of them.
pub(super) const HISTORY_ROW_CHARS: usize = 4_000 * HASH_CHARS;

/// How often an upload looks at the history again because another upload of the account changed it.
pub(super) const ATTEMPTS: usize = 8;

/// Begins a statement that remembers the hashes `?4` of the upload `?5` of the account `?2`, in a
/// row that has fewer than `?6` characters. The condition follows, and then [`EXTEND_HISTORY`].
pub(super) const INSERT_HISTORY: &str =
    "INSERT INTO relay_prekey_history (user_id, number, hashes, last_upload)
     SELECT ?2, COALESCE((SELECT number + (length(hashes) >= ?6)
                            FROM relay_prekey_history WHERE user_id = ?2
                           ORDER BY number DESC LIMIT 1), 1), ?4, ?5 WHERE ";
/// Ends a statement that begins with [`INSERT_HISTORY`].
pub(super) const EXTEND_HISTORY: &str = " ON CONFLICT (user_id, number) DO UPDATE
     SET hashes = hashes || excluded.hashes, last_upload = excluded.last_upload";
/// True if the last upload of the account `?2` is `?3`.
pub(super) const IS_UNCHANGED: &str = "(SELECT last_upload FROM relay_prekey_history
      WHERE user_id = ?2 ORDER BY number DESC LIMIT 1) IS ?3";

/// The history of an account as an upload found it.
#[derive(Clone, Debug)]
pub(super) struct SeenHistory {
    /// Whether one of the hashes of the upload is in it.
    pub(super) reused: bool,
    /// The id of the last upload, if there was one.
    pub(super) last_upload: Option<String>,
}

/// Looks for hashes in the history of an account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub(super) async fn look(
    db: &dyn Db,
    user: UserId,
    hashes: &[String],
) -> Result<SeenHistory, StoreError> {
    let select = sql(
        "SELECT hashes, last_upload FROM relay_prekey_history WHERE user_id = ?1
          ORDER BY number DESC",
        [user.into()],
    );
    let rows = run(db, select).await?;
    let new: HashSet<&[u8]> = hashes.iter().map(String::as_bytes).collect();
    let mut reused = false;
    for row in &rows {
        let known = row.text("hashes")?;
        let mut known = known.as_bytes().chunks(HASH_CHARS);
        reused = reused || known.any(|hash| new.contains(hash));
    }
    Ok(SeenHistory {
        reused,
        last_upload: rows.first().map(last_upload).transpose()?,
    })
}

fn last_upload(row: &Row) -> Result<String, StoreError> {
    row.text("last_upload")
}
