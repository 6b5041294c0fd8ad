//! The error type of all handlers. [`crate::kernel::http::respond`] writes the body of the
//! response.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::kernel::domain::failure::{Failure, Fault, Rejection};
pub use crate::kernel::http::code::Code;
use crate::kernel::http::step_up::RequiredStepUp;
use crate::kernel::store::{Precondition, StoreError};

/// An error for a client, with a reason for the log.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The code, which has a status and a text.
    pub code: Code,
    /// The reason for the log. Holds no secret.
    pub reason: Option<String>,
    /// The re-authentication that the request needs, if that is the error.
    pub step_up: Option<RequiredStepUp>,
    /// A sentence that replaces the text of the code.
    pub detail: Option<Cow<'static, str>>,
    /// Further members of the response body.
    pub members: Option<Box<serde_json::Map<String, serde_json::Value>>>,
    /// The value of `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// Returns an error with a reason for the log.
    pub fn because(code: Code, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..code.into()
        }
    }

    /// Returns an error with its own sentence.
    #[must_use]
    pub fn detailed(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..code.into()
        }
    }

    /// Returns the sentence for users: its own one, or that of the code.
    #[must_use]
    pub fn sentence(&self) -> Cow<'static, str> {
        let own = self.detail.clone();
        own.unwrap_or(Cow::Borrowed(self.code.detail()))
    }

    /// Adds a member to the response body.
    #[must_use]
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.members
            .get_or_insert_default()
            .insert(name.to_owned(), value);
        self
    }

    /// Returns the error that the caller has to re-authenticate by one of `methods`.
    #[must_use]
    pub fn reauthenticate(methods: Vec<&'static str>, max_age: u64) -> Self {
        Self {
            step_up: Some(RequiredStepUp { methods, max_age }),
            ..Code::ReauthenticationRequired.into()
        }
    }

    /// Returns an error with `Retry-After`: `wait` rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(code: Code, wait: Duration) -> Self {
        let seconds = u64::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
        Self {
            retry_after: Some(seconds.max(1)),
            ..code.into()
        }
    }

    /// Returns the error for a status that the router itself answers: 404, 405, 400 or 413.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        let code = Code::ALL.iter().find(|code| code.status() == status);
        let fallback = if status.is_server_error() {
            Code::Internal
        } else {
            Code::BadRequest
        };
        (*code.unwrap_or(&fallback)).into()
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self {
            code,
            reason: None,
            step_up: None,
            detail: None,
            members: None,
            retry_after: (code == Code::Unavailable).then_some(1),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Unavailable(_) => Code::Unavailable,
            StoreError::Conflict(_) => Code::Conflict,
            StoreError::Refused(Precondition::Administrator) => Code::LastAdministrator,
            StoreError::Refused(Precondition::Owner) => Code::CredentialsNotOwn,
            StoreError::Refused(Precondition::Quota) => Code::TooManyEntries,
            StoreError::Refused(_) | StoreError::Broken(_) => Code::Internal,
        };
        Self::because(code, error.to_string())
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::SignedOut => Self::because(Code::InvalidToken, fault.to_string()),
            Fault::TooManyAttempts(error) => Self::retry_after(Code::TooManyAttempts, error.wait),
            Fault::Unavailable(reason) => Self::because(Code::Unavailable, reason),
            Fault::Entropy(error) => Self::because(Code::Unavailable, error.to_string()),
            Fault::Store(error) => error.into(),
        }
    }
}

impl<R: Rejection + Into<Self>> From<Failure<R>> for ApiError {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Rejected(rejection) => rejection.into(),
            Failure::Fault(fault) => fault.into(),
        }
    }
}
