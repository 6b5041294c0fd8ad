//! Everything that is kept about an account, for its owner (GDPR Article 20).

use crate::accounts::domain::Ports;
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::{ThrottleError, Way};
use crate::accounts::store::export;
use crate::accounts::store::export::AccountExport;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

/// All of it, now and then: it is the dearest thing that somebody can ask for. Two round trips.
///
/// # Errors
/// [`ThrottleError`]
pub async fn of(
    ports: &Ports,
    user: UserId,
    now: Timestamp,
) -> Result<AccountExport, ThrottleError> {
    throttle::admit(ports, Way::Export, user, now).await?;
    Ok(export::read(ports.db.as_ref(), user).await?)
}
