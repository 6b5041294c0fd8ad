//! Registration of a passkey over HTTP.

use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::devices::assertion_check;
use crate::accounts::domain::passkeys::CEREMONY_LIFETIME;
use crate::accounts::domain::passkeys::register;
use crate::accounts::domain::passkeys::register::{
    Registrant, RegistrationCompletion, RegistrationOutcome,
};
use crate::accounts::domain::webauthn::json::RegistrationResponse;
use crate::accounts::http::AccountsState;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::caller::{MaybeSignedIn, may_change_passkeys};
use crate::accounts::http::objects::{CredentialIdFields, UserResponse};
use crate::accounts::http::webauthn::options::PasskeyRegistrationBeginResponse;
use crate::accounts::http::webauthn::{Client, PasskeySignInResponse};
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::ids::ChallengeId;
use crate::kernel::model::text;

/// The body of `POST /api/webauthn/register/begin`. A signed-in caller adds a passkey, and only
/// `label` is read. Other callers create an account.
#[derive(Deserialize, ToSchema)]
pub struct PasskeyRegistrationBeginRequest {
    /// The new account's address. It is not verified, so it never leads to an existing account.
    #[serde(default, deserialize_with = "absent_if_empty")]
    email: Option<String>,
    /// The new account's name, 1 to 200 printable characters.
    #[serde(default, deserialize_with = "absent_if_empty")]
    name: Option<String>,
    /// The passkey's name, 1 to 64 printable characters.
    #[serde(default, deserialize_with = "absent_if_empty")]
    label: Option<String>,
}

fn label(text: Option<String>) -> Result<Option<String>, Code> {
    text.map(|text| register::name(&text).ok_or(Code::InvalidPasskeyName))
        .transpose()
}

/// `POST /api/webauthn/register/begin`: returns a challenge and the options for
/// `navigator.credentials.create()`.
///
/// # Errors
/// 422 for an address or name that is not valid; 409 if the account has the largest number of
/// passkeys; 403 `reauthentication_required` if `STEP_UP_PASSKEYS=require` and the last
/// authentication is too old; 429 `too_many_attempts` if the caller's network made too many
/// accounts.
#[utoipa::path(
    post,
    path = "/api/webauthn/register/begin",
    operation_id = "register_begin",
    tag = "passkeys",
    request_body = PasskeyRegistrationBeginRequest,
    responses((status = 200, body = PasskeyRegistrationBeginResponse)),
    security((), ("bearer" = []), ("cookie" = [])),
)]
pub async fn begin(
    State(app): State<AccountsState>,
    caller: MaybeSignedIn,
    origin: RequestOrigin,
    AppJson(body): AppJson<PasskeyRegistrationBeginRequest>,
) -> Result<AppJson<PasskeyRegistrationBeginResponse>, ApiError> {
    let label = label(body.label)?;
    let who = match &caller {
        MaybeSignedIn::SignedIn(me) => {
            may_change_passkeys(&app, me, Duration::ZERO).await?;
            Registrant::Account(me)
        }
        // An expired cookie does not prevent a user from creating an account. Without an address
        // the caller meant the account of the cookie.
        MaybeSignedIn::Refused(error) if body.email.is_none() => return Err(error.clone()),
        MaybeSignedIn::Refused(_) | MaybeSignedIn::Nobody => {
            let email =
                Email::parse(&body.email.ok_or(Code::EmailRequired)?).ok_or(Code::InvalidEmail)?;
            let name = body
                .name
                .as_deref()
                .and_then(text::name)
                .ok_or(Code::InvalidName)?;
            Registrant::Newcomer { email, name }
        }
    };
    let begun = register::begin(&app.ports, who, label, &origin).await?;
    Ok(AppJson(PasskeyRegistrationBeginResponse::new(
        &app.ports.config,
        begun,
    )))
}

/// The body of `POST /api/webauthn/register/complete`.
#[derive(Deserialize, ToSchema)]
pub struct PasskeyRegistrationCompleteRequest {
    /// The `challenge_id` of the begin response.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// The response of the authenticator.
    response: RegistrationResponse,
    /// The passkey's name. If absent, the passkey is named after its maker or the device.
    #[serde(default, deserialize_with = "absent_if_empty")]
    label: Option<String>,
}

/// The response with a passkey that was added to an existing account.
#[derive(Serialize, ToSchema)]
pub struct PasskeyAddResponse {
    success: bool,
    /// Always `true`.
    verified: bool,
    #[serde(flatten)]
    credential: CredentialIdFields,
    user: UserResponse,
}

/// The response to a completed registration. For a new account it has a session and a token pair.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum PasskeyRegistrationCompleteResponse {
    /// A new account was created and is signed in.
    Created(Box<PasskeySignInResponse>),
    /// The passkey was added to the caller's account.
    Added(Box<PasskeyAddResponse>),
}

/// `POST /api/webauthn/register/complete`: verifies the response of the authenticator and stores
/// the passkey.
///
/// # Errors
/// The same 400 for every ceremony that fails verification; 409 for an address or a credential that
/// is already in use; 429 `too_many_attempts` if the caller's network made too many accounts.
#[utoipa::path(
    post,
    path = "/api/webauthn/register/complete",
    operation_id = "register_complete",
    tag = "passkeys",
    request_body = PasskeyRegistrationCompleteRequest,
    responses((status = 200, body = PasskeyRegistrationCompleteResponse)),
    security((), ("bearer" = []), ("cookie" = [])),
)]
pub async fn complete(
    State(app): State<AccountsState>,
    caller: MaybeSignedIn,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<PasskeyRegistrationCompleteRequest>,
) -> Result<AppJson<PasskeyRegistrationCompleteResponse>, ApiError> {
    let label = label(body.label)?;
    if let MaybeSignedIn::SignedIn(me) = &caller {
        may_change_passkeys(&app, me, CEREMONY_LIFETIME).await?;
        assertion_check::require_assertion(
            &app.ports,
            me,
            device.shown(),
            &device.request(),
            &origin,
        )
        .await?;
    } else {
        client.verify_device(&app, &device).await?;
    }
    let challenge = ChallengeId::parse(&body.challenge_id);
    let completion = RegistrationCompletion {
        challenge,
        response: body.response,
        label,
        client: &client.place,
    };
    Ok(AppJson(
        match register::complete(&app.ports, caller.signed_in(), completion, &origin).await? {
            RegistrationOutcome::Added(id, user) => {
                PasskeyRegistrationCompleteResponse::Added(Box::new(PasskeyAddResponse {
                    success: true,
                    verified: true,
                    credential: (&id).into(),
                    user: (*user).into(),
                }))
            }
            RegistrationOutcome::Created(id, complete) => {
                client.remember_session(&complete);
                PasskeyRegistrationCompleteResponse::Created(Box::new(PasskeySignInResponse::new(
                    &id, *complete,
                )))
            }
        },
    ))
}
