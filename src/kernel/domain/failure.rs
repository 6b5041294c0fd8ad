//! The error of a use case: its own rejections, and the faults that all use cases share.
//!
//! A use case with rejections returns `Result<T, Failure<R>>`; a use case without any returns
//! `Result<T, Fault>`. The operator `?` converts rejections, faults and their causes to both.

use std::time::Duration;

use crate::kernel::domain::NoEntropy;
use crate::kernel::store::StoreError;

/// Marks the enums of the reasons for which one use case rejects a request.
pub trait Rejection: std::error::Error {}

/// The reason why a use case has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure<R> {
    /// The use case rejects the request for a reason of its own.
    #[error(transparent)]
    Rejected(R),
    /// The use case could not run to its end.
    #[error(transparent)]
    Fault(Fault),
}

/// A reason that all use cases share.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The session of the caller was revoked while the use case ran.
    #[error("the session of the caller was revoked during the request")]
    SignedOut,
    /// The throttle allows no further attempt yet.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttempts),
    /// A part of the platform did not do its work. The same request may succeed later.
    #[error("{0}")]
    Unavailable(&'static str),
    /// The CSPRNG failed.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The throttle's refusal of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many attempts; the next one is allowed in {} seconds", .wait.as_secs())]
pub struct TooManyAttempts {
    /// Time until the next attempt is allowed.
    pub wait: Duration,
}

impl<R> Failure<R> {
    /// Converts the rejection of a nested use case to a rejection of the outer one.
    pub fn widen<S: From<R>>(self) -> Failure<S> {
        match self {
            Self::Rejected(rejection) => Failure::Rejected(rejection.into()),
            Self::Fault(fault) => Failure::Fault(fault),
        }
    }
}

impl<R: Rejection> From<R> for Failure<R> {
    fn from(rejection: R) -> Self {
        Self::Rejected(rejection)
    }
}

impl<R> From<Fault> for Failure<R> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<R> From<TooManyAttempts> for Failure<R> {
    fn from(error: TooManyAttempts) -> Self {
        Self::Fault(error.into())
    }
}

impl<R> From<NoEntropy> for Failure<R> {
    fn from(error: NoEntropy) -> Self {
        Self::Fault(error.into())
    }
}

impl<R> From<StoreError> for Failure<R> {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}
