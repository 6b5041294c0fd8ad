//! Sign-in with a passkey over HTTP.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::domain::passkeys::sign_in;
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::http::AccountsState;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::webauthn::options::AuthenticationBeginResponse;
use crate::accounts::http::webauthn::{Client, PasskeySignInResponse};
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::ids::ChallengeId;

/// The body of `POST /api/webauthn/authenticate/begin`.
#[derive(Deserialize, ToSchema)]
pub struct PasskeySignInBeginRequest {
    /// The user's address. Without it every passkey of the client is accepted.
    #[serde(default, deserialize_with = "absent_if_empty")]
    email: Option<String>,
}

/// `POST /api/webauthn/authenticate/begin`: returns a challenge and the options for
/// `navigator.credentials.get()`.
///
/// # Errors
/// 422 for an invalid address. An unknown address gets the same kind of response as a known
/// address.
#[utoipa::path(
    post,
    path = "/api/webauthn/authenticate/begin",
    operation_id = "authenticate_begin",
    tag = "passkeys",
    request_body = PasskeySignInBeginRequest,
    responses((status = 200, body = AuthenticationBeginResponse)),
)]
pub async fn begin(
    State(app): State<AccountsState>,
    AppJson(body): AppJson<PasskeySignInBeginRequest>,
) -> Result<AppJson<AuthenticationBeginResponse>, ApiError> {
    let email = body
        .email
        .map(|email| Email::parse(&email).ok_or(Code::InvalidEmail))
        .transpose()?;
    let begun = sign_in::begin(&app.ports, email).await?;
    Ok(AppJson(AuthenticationBeginResponse::new(
        &app.ports.config,
        begun,
    )))
}

/// The body of `POST /api/webauthn/authenticate/complete`.
#[derive(Deserialize, ToSchema)]
pub struct PasskeySignInCompleteRequest {
    /// The `challenge_id` of the begin response.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// The response of the authenticator.
    response: AuthenticationResponse,
}

/// `POST /api/webauthn/authenticate/complete`: verifies the response of the authenticator and signs
/// in. Browsers also get the session as a cookie.
///
/// # Errors
/// The same 401 for every ceremony that fails verification.
#[utoipa::path(
    post,
    path = "/api/webauthn/authenticate/complete",
    operation_id = "authenticate_complete",
    tag = "passkeys",
    request_body = PasskeySignInCompleteRequest,
    responses((status = 200, body = PasskeySignInResponse)),
)]
pub async fn complete(
    State(app): State<AccountsState>,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<PasskeySignInCompleteRequest>,
) -> Result<AppJson<PasskeySignInResponse>, ApiError> {
    client.verify_device(&app, &device).await?;
    let challenge = ChallengeId::parse(&body.challenge_id);
    let (id, complete) = sign_in::complete(
        &app.ports,
        challenge,
        &body.response,
        &client.place,
        &origin,
    )
    .await?;
    client.remember_session(&complete);
    Ok(AppJson(PasskeySignInResponse::new(&id, complete)))
}
