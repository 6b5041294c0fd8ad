//! The one error that handlers give, and the one place where use cases' errors become it.
//!
//! The answer's body is written by [`crate::kernel::http::respond`], which knows the request's id.
//! A reason stays in the log.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::domain::NoEntropy;
pub use crate::kernel::http::code::Code;
use crate::kernel::store::{Precondition, StoreError};

/// An error as clients see it, with a reason that only the log sees.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The code, and with it status and text.
    pub code: Code,
    /// Why, for the log. Holds no secret.
    pub reason: Option<String>,
    /// What would satisfy it, where proving again who one is would.
    pub step_up: Option<StepUp>,
    /// Instead of the code's sentence: one that says more.
    pub detail: Option<&'static str>,
    /// Further members of the answer's body.
    pub members: Option<Box<serde_json::Map<String, serde_json::Value>>>,
    /// `Retry-After`: in how many seconds it may be tried again.
    pub retry_after: Option<u64>,
}

/// What somebody has to do before they are let in (as RFC 9470 does with `max_age`).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepUp {
    /// By what: `passkey` and `totp` at `/api/auth/reauthenticate/begin`, or `sign_in`, anew.
    methods: Vec<&'static str>,
    /// How long ago it may be, in seconds.
    max_age: u64,
}

impl ApiError {
    /// An error with a reason for the log.
    pub fn because(code: Code, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..code.into()
        }
    }

    /// An error that says more than its code does.
    #[must_use]
    pub fn detailed(code: Code, detail: &'static str) -> Self {
        Self {
            detail: Some(detail),
            ..code.into()
        }
    }

    /// The same with a further member in the answer's body.
    #[must_use]
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.members
            .get_or_insert_default()
            .insert(name.to_owned(), value);
        self
    }

    /// That somebody has to prove again who they are, and by what they can.
    #[must_use]
    pub fn reauthenticate(methods: Vec<&'static str>, max_age: u64) -> Self {
        Self {
            step_up: Some(StepUp { methods, max_age }),
            ..Code::ReauthenticationRequired.into()
        }
    }

    /// An error that ends by itself after `wait`: told in whole seconds, never too few.
    #[must_use]
    pub fn retry_after(code: Code, wait: Duration) -> Self {
        let seconds = wait
            .as_secs()
            .saturating_add(u64::from(wait.subsec_nanos() > 0));
        Self {
            retry_after: Some(seconds.max(1)),
            ..code.into()
        }
    }

    /// What an answer that is not one of ours amounts to: the router's own 404, 405, 400, 413.
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
            // Where a failed precondition means something else, the use case says so.
            StoreError::Refused(_) | StoreError::Broken(_) => Code::Internal,
        };
        Self::because(code, error.to_string())
    }
}

impl From<NoEntropy> for ApiError {
    fn from(error: NoEntropy) -> Self {
        Self::because(Code::Unavailable, error.to_string())
    }
}
