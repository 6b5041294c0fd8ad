//! Factors besides passkeys: TOTP and backup codes. How they are enrolled, how an account is
//! recovered by them, and how somebody who is signed in proves again who they are.

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
    /// There is no key under which a secret could be kept.
    #[error("SECRETS_KEY is not set")]
    Unavailable,
    /// TOTP is enrolled already.
    #[error("TOTP is enrolled already")]
    Enrolled,
    /// TOTP is not enrolled, or the secret was replaced meanwhile.
    #[error("TOTP is not enrolled")]
    NotEnrolled,
    /// The code is not that of the secret.
    #[error("the code is wrong")]
    WrongCode,
}

impl Rejection for FactorRejection {}

fn done(changed: FactorChange, otherwise: FactorRejection) -> Result<(), Failure<FactorRejection>> {
    match changed {
        FactorChange::Changed => Ok(()),
        FactorChange::Unchanged => Err(otherwise.into()),
        FactorChange::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// What the account has. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of(ports: &Ports, user: UserId) -> Result<FactorSummary, StoreError> {
    factors::summary(ports.db.as_ref(), user).await
}
