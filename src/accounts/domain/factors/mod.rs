//! Factors besides passkeys: TOTP and backup codes. How they are enrolled, how an account is
//! recovered by them, and how somebody who is signed in proves again who they are.

pub mod backup_codes;
pub mod reauthenticate;
pub mod recovery;
pub mod reseal;
pub mod totp;

use crate::accounts::domain::Ports;
use crate::accounts::domain::throttle::TooManyAttempts;
use crate::accounts::store::factors;
use crate::accounts::store::factors::FactorSummary;
use crate::accounts::store::outcome::FactorChange;
use crate::kernel::domain::NoEntropy;
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;

/// Why a factor was not changed.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// There is no key under which a secret could be kept.
    #[error("SECRETS_KEY is not set")]
    Unavailable,
    /// TOTP is enrolled already.
    #[error("TOTP is enrolled already")]
    Enrolled,
    /// TOTP is not enrolled, or the secret was replaced meanwhile.
    #[error("TOTP is not enrolled")]
    NotEnrolled,
    /// There were too many attempts.
    #[error(transparent)]
    TooMany(#[from] TooManyAttempts),
    /// The code is not that of the secret.
    #[error("the code is wrong")]
    WrongCode,
    /// The caller's sign-in was revoked meanwhile.
    #[error("the caller's sign-in was revoked meanwhile")]
    SignedOut,
    /// The platform.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn done(changed: FactorChange, otherwise: FactorError) -> Result<(), FactorError> {
    match changed {
        FactorChange::Changed => Ok(()),
        FactorChange::Unchanged => Err(otherwise),
        FactorChange::SignedOut => Err(FactorError::SignedOut),
    }
}

/// What the account has. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of(ports: &Ports, user: UserId) -> Result<FactorSummary, StoreError> {
    factors::summary(ports.db.as_ref(), user).await
}
