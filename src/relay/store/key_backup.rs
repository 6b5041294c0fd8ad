//! The sealed backup of an account's keys.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, batch, read_first, run, sql};

/// The largest version. JavaScript can hold it.
pub const MOST_VERSION: i64 = 1 << 52;

/// A sealed backup.
#[derive(Clone, Debug)]
pub struct KeyBackup {
    /// The version.
    pub version: i64,
    /// The sealed keys, base64url.
    pub encrypted_data: String,
    /// The nonce, base64url.
    pub nonce: String,
    /// The salt, base64url.
    pub salt: String,
    /// The time of the upload.
    pub updated_at: Timestamp,
}

impl TryFrom<&Row> for KeyBackup {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            version: row.integer("version")?,
            encrypted_data: row.text("encrypted_data")?,
            nonce: row.text("nonce")?,
            salt: row.text("salt")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

/// A backup to store.
#[derive(Clone, Copy, Debug)]
pub struct NewKeyBackup<'a> {
    /// The version of the new backup. `None`: the next one.
    pub version: Option<i64>,
    /// The sealed keys, base64url.
    pub encrypted_data: &'a str,
    /// The nonce, base64url.
    pub nonce: &'a str,
    /// The salt, base64url.
    pub salt: &'a str,
}

/// The outcome of storing a backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BackupUpload {
    /// The backup is stored under this version.
    Stored(i64),
    /// The stored backup has this version, and the new one does not follow it.
    Stale(i64),
    /// The caller is signed out.
    SignedOut,
}

/// Stores the backup of the caller's account if its version follows the stored one, is 1, or is
/// missing. Of concurrent uploads with the same following version one is stored. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn put(
    db: &dyn Db,
    by: Caller,
    new: NewKeyBackup<'_>,
    now: Timestamp,
) -> Result<BackupUpload, StoreError> {
    let upsert = sql(
        concatcp!(
            "INSERT INTO relay_key_backups (user_id, version, encrypted_data, nonce, salt,
                                            updated_at)
             SELECT ?2, COALESCE(?3, 1), ?4, ?5, ?6, ?7 WHERE ",
            IS_LIVE,
            " ON CONFLICT (user_id) DO UPDATE
                 SET version = COALESCE(?3, version + 1), encrypted_data = excluded.encrypted_data,
                     nonce = excluded.nonce, salt = excluded.salt, updated_at = excluded.updated_at
               WHERE ?3 IS NULL OR ?3 = 1 OR ?3 = version + 1
              RETURNING version"
        ),
        [
            by.session.into(),
            by.user.into(),
            new.version.into(),
            new.encrypted_data.into(),
            new.nonce.into(),
            new.salt.into(),
            now.into(),
        ],
    );
    let current = sql(
        concatcp!(
            "SELECT version FROM relay_key_backups WHERE user_id = ?2 AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into()],
    );
    let [stored, current] = batch(db, [upsert, current]).await?;
    Ok(match (stored.first(), current.first()) {
        (Some(row), _) => BackupUpload::Stored(row.integer("version")?),
        (None, Some(row)) => BackupUpload::Stale(row.integer("version")?),
        (None, None) => BackupUpload::SignedOut,
    })
}

/// Returns the backup of an account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn get(db: &dyn Db, user: UserId) -> Result<Option<KeyBackup>, StoreError> {
    let select = sql(
        "SELECT version, encrypted_data, nonce, salt, updated_at FROM relay_key_backups
          WHERE user_id = ?1",
        [user.into()],
    );
    read_first(&run(db, select).await?)
}

/// Returns the version and the time of the backup of an account, without its data. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn status(db: &dyn Db, user: UserId) -> Result<Option<(i64, Timestamp)>, StoreError> {
    let select = sql(
        "SELECT version, updated_at FROM relay_key_backups WHERE user_id = ?1",
        [user.into()],
    );
    let rows = run(db, select).await?;
    rows.first()
        .map(|row| Ok((row.integer("version")?, row.time("updated_at")?)))
        .transpose()
}

/// Removes the backup of the caller's account. Returns `false` if there is none. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(db: &dyn Db, by: Caller) -> Result<bool, StoreError> {
    let delete = sql(
        concatcp!(
            "DELETE FROM relay_key_backups WHERE user_id = ?2 AND ",
            IS_LIVE,
            " RETURNING user_id"
        ),
        [by.session.into(), by.user.into()],
    );
    Ok(!run(db, delete).await?.is_empty())
}
