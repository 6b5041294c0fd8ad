//! TOTP and backup codes: enrolment, account recovery and re-authentication.

pub mod backup_codes;
pub mod reauthenticate;
pub mod recovery;
pub mod reseal;
pub mod totp;

use crate::accounts::domain::Ports;
use crate::accounts::store::factors;
use crate::accounts::store::factors::FactorSummary;
use crate::accounts::store::outcome::FactorChange;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;

/// The reasons not to change a factor.
#[derive(Debug, thiserror::Error)]
pub enum FactorRejection {
    /// The configuration has no key to seal a secret with.
    #[error("SECRETS_KEY is not set")]
    Unavailable,
    /// TOTP is enrolled already.
    #[error("TOTP is enrolled already")]
    Enrolled,
    /// TOTP is not enrolled, or a concurrent request replaced the secret.
    #[error("TOTP is not enrolled")]
    NotEnrolled,
    /// The code does not belong to the secret.
    #[error("the code is wrong")]
    WrongCode,
}

impl Rejection for FactorRejection {}

/// Checks that the store changed the factor. `otherwise` is the rejection if it did not.
fn require_changed(
    changed: FactorChange,
    otherwise: FactorRejection,
) -> Result<(), Failure<FactorRejection>> {
    match changed {
        FactorChange::Changed => Ok(()),
        FactorChange::Unchanged => Err(otherwise.into()),
        FactorChange::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Returns the factors of an account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn summary(ports: &Ports, user: UserId) -> Result<FactorSummary, StoreError> {
    factors::summary(ports.db.as_ref(), user).await
}
