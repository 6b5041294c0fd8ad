//! Everything that is kept about an account, for its owner (GDPR Article 20).

use crate::accounts::domain::Ports;
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::Way;
use crate::accounts::store::export;
use crate::accounts::store::export::AccountExport;
use crate::kernel::domain::failure::Fault;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

/// Returns everything that is stored about an account. Throttled, because no other request costs as
/// much. Two round trips.
///
/// # Errors
/// [`Fault`]
pub async fn of(ports: &Ports, user: UserId, now: Timestamp) -> Result<AccountExport, Fault> {
    throttle::admit(ports, Way::Export, user, now).await?;
    Ok(export::read(ports.db.as_ref(), user).await?)
}
