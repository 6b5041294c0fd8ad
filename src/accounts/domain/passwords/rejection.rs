//! The reasons to reject a password.

use std::time::Duration;

use crate::accounts::model::password::Unfit;
use crate::kernel::domain::failure::Rejection;

/// The reasons to reject a password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRejection {
    /// The name, the password or the code is wrong. The client sees the same error for all reasons.
    #[error("{0}")]
    Refused(&'static str),
    /// The password is correct, but the account has TOTP enabled and the request has no code.
    #[error("a TOTP code is required too")]
    SecondFactor,
    /// The password does not meet the rules.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The password is among leaked passwords.
    #[error("the password is among leaked passwords")]
    Breached,
    /// The maximum number of passwords is being hashed.
    #[error("too many passwords are being hashed")]
    Busy {
        /// The delay before the next attempt.
        wait: Duration,
    },
    /// The account has no password to remove.
    #[error("the account has no password")]
    None,
    /// The password is the last way to sign in.
    #[error("the password is the last way to sign in")]
    Last,
}

impl Rejection for PasswordRejection {}
