//! Signing in with a passkey.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::domain::passkeys::sign_in;
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::http::App;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::webauthn::options::AuthenticationBegun;
use crate::accounts::http::webauthn::{Client, PasskeySignIn};
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::ids::ChallengeId;

/// Who signs in, if they say so.
#[derive(Deserialize, ToSchema)]
pub struct PasskeySignInBeginRequest {
    /// Their address; without it any passkey that the client has will do.
    #[serde(default, deserialize_with = "absent_if_empty")]
    email: Option<String>,
}

/// `POST /api/webauthn/authenticate/begin`: a challenge and the options for
/// `navigator.credentials.get()`.
///
/// # Errors
/// 422 for what cannot be an address. An unknown one gets the same kind of answer as a known one.
#[utoipa::path(post, path = "/api/webauthn/authenticate/begin", operation_id = "authenticate_begin", tag = "passkeys", request_body = PasskeySignInBeginRequest,
    responses((status = 200, body = AuthenticationBegun)))]
pub async fn begin(
    State(app): State<App>,
    AppJson(body): AppJson<PasskeySignInBeginRequest>,
) -> Result<AppJson<AuthenticationBegun>, ApiError> {
    let email = body
        .email
        .map(|email| Email::parse(&email).ok_or(Code::InvalidEmail))
        .transpose()?;
    let begun = sign_in::begin(&app.ports, email).await?;
    Ok(AppJson(AuthenticationBegun::new(&app.ports.config, begun)))
}

/// A sign-in to complete.
#[derive(Deserialize, ToSchema)]
pub struct PasskeySignInCompleteRequest {
    /// From the beginning.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// What the authenticator answered.
    response: AuthenticationResponse,
}

/// `POST /api/webauthn/authenticate/complete`: verifies what the authenticator answered, and signs
/// in. Browsers get the session as a cookie too.
///
/// # Errors
/// The same 401 for every ceremony that does not hold.
#[utoipa::path(post, path = "/api/webauthn/authenticate/complete", operation_id = "authenticate_complete", tag = "passkeys", request_body = PasskeySignInCompleteRequest,
    responses((status = 200, body = PasskeySignIn)))]
pub async fn complete(
    State(app): State<App>,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<PasskeySignInCompleteRequest>,
) -> Result<AppJson<PasskeySignIn>, ApiError> {
    client.look_at_device(&app, &device).await?;
    let challenge = ChallengeId::parse(&body.challenge_id);
    let (id, complete) = sign_in::complete(
        &app.ports,
        challenge,
        &body.response,
        &client.place,
        &origin,
    )
    .await?;
    client.remember(&complete);
    Ok(AppJson(PasskeySignIn::new(&id, complete)))
}
