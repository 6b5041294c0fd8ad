//! The error of a request that needs a re-authentication.

use serde::Serialize;
use utoipa::ToSchema;

/// The re-authentication that a request needs (compare `max_age` in RFC 9470).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StepUp)]
pub struct RequiredStepUp {
    /// `passkey` and `totp` at `/api/auth/reauthenticate/begin`, or `sign_in` for a new sign-in.
    pub methods: Vec<&'static str>,
    /// The maximum age of the proof, in seconds.
    pub max_age: u64,
}
