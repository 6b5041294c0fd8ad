//! Everything that is kept about an account, for its owner (GDPR Article 20).

use super::Ports;
use crate::model::ids::UserId;
use crate::store::StoreError;
use crate::store::export::{self, Export};

/// All of it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of(ports: &Ports, user: UserId) -> Result<Export, StoreError> {
    export::of(ports.db.as_ref(), user).await
}
