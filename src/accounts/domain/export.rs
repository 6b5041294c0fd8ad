//! The export of all data of an account, for its owner (GDPR Article 20).

use crate::accounts::domain::Ports;
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::ThrottledAction;
use crate::accounts::store::export;
use crate::accounts::store::export::AccountExport;
use crate::kernel::domain::failure::Fault;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
pub use crate::kernel::store::Value as StoredValue;

/// Returns all stored data of an account. Throttled, because no other request is as expensive. Two
/// round trips.
///
/// # Errors
/// [`Fault`]
pub async fn read(ports: &Ports, user: UserId, now: Timestamp) -> Result<AccountExport, Fault> {
    throttle::check(ports, ThrottledAction::Export, user, now).await?;
    Ok(export::read(ports.db.as_ref(), user, &ports.export_parts).await?)
}
