//! Everything that is kept about an account, for its owner (GDPR Article 20).

use super::Ports;
use super::throttle::{self, ThrottleError, Way};
use crate::model::ids::UserId;
use crate::model::time::Timestamp;
use crate::store::export::{self, Export};

/// All of it, now and then: it is the dearest thing that somebody can ask for. Two round trips.
///
/// # Errors
/// [`ThrottleError`]
pub async fn of(ports: &Ports, user: UserId, now: Timestamp) -> Result<Export, ThrottleError> {
    throttle::admit(ports, Way::Export, user, now).await?;
    Ok(export::of(ports.db.as_ref(), user).await?)
}
