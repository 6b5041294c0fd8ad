//! The sealed backup of an account's keys.

use crate::accounts::face::Caller;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::relay::domain::Ports;
use crate::relay::store::key_backup;
use crate::relay::store::key_backup::BackupUpload;

pub use crate::relay::store::key_backup::{KeyBackup, MOST_VERSION, NewKeyBackup, get, status};

/// The reasons not to change a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupRejection {
    /// A newer backup is stored.
    #[error("the stored backup has version {current}")]
    Stale {
        /// The version of the stored backup.
        current: i64,
    },
    /// The account has no backup.
    #[error("the account has no backup")]
    None,
}

impl Rejection for BackupRejection {}

/// Stores a backup and returns its version. One round trip.
///
/// # Errors
/// [`BackupRejection`]
pub async fn put(
    ports: &Ports,
    by: Caller,
    new: NewKeyBackup<'_>,
) -> Result<i64, Failure<BackupRejection>> {
    match key_backup::put(ports.db.as_ref(), by, new, ports.clock.now()).await? {
        BackupUpload::Stored(version) => Ok(version),
        BackupUpload::Stale(current) => Err(BackupRejection::Stale { current }.into()),
        BackupUpload::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Removes the backup. One round trip.
///
/// # Errors
/// [`BackupRejection`]
pub async fn remove(ports: &Ports, by: Caller) -> Result<(), Failure<BackupRejection>> {
    if key_backup::remove(ports.db.as_ref(), by).await? {
        Ok(())
    } else {
        Err(BackupRejection::None.into())
    }
}
