//! Registering a passkey.

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
use crate::accounts::http::App;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::caller::{MaybeSignedIn, may_change_passkeys};
use crate::accounts::http::objects::User;
use crate::accounts::http::webauthn::options::RegistrationBegun;
use crate::accounts::http::webauthn::{Client, PasskeySignIn};
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::ids::ChallengeId;
use crate::kernel::model::text;

/// Who registers a passkey. Signed in: nothing but a label counts. Not signed in: a new account.
#[derive(Deserialize, ToSchema)]
pub struct PasskeyRegistrationBeginRequest {
    /// The new account's address. Nobody has verified it, so it never leads to an account that is
    /// there.
    #[serde(default, deserialize_with = "absent_if_empty")]
    email: Option<String>,
    /// The new account's name, 1 to 200 printable characters.
    #[serde(default, deserialize_with = "absent_if_empty")]
    name: Option<String>,
    /// What the passkey is to be called, 1 to 64 printable characters.
    #[serde(default, deserialize_with = "absent_if_empty")]
    label: Option<String>,
}

fn label(text: Option<String>) -> Result<Option<String>, Code> {
    text.map(|text| register::name(&text).ok_or(Code::InvalidPasskeyName))
        .transpose()
}

/// `POST /api/webauthn/register/begin`: a challenge and the options for
/// `navigator.credentials.create()`.
///
/// # Errors
/// 422 for an address or name that is not valid, 409 if the account has as many passkeys as it may;
/// 403 `reauthentication_required` if the sign-in is too old and `STEP_UP_PASSKEYS=require`.
#[utoipa::path(post, path = "/api/webauthn/register/begin", operation_id = "register_begin", tag = "passkeys", request_body = PasskeyRegistrationBeginRequest,
    responses((status = 200, body = RegistrationBegun)), security((), ("bearer" = []), ("cookie" = [])))]
pub async fn begin(
    State(app): State<App>,
    caller: MaybeSignedIn,
    AppJson(body): AppJson<PasskeyRegistrationBeginRequest>,
) -> Result<AppJson<RegistrationBegun>, ApiError> {
    let label = label(body.label)?;
    let who = match &caller {
        MaybeSignedIn::SignedIn(me) => {
            may_change_passkeys(&app, me, Duration::ZERO).await?;
            Registrant::Account(me)
        }
        // A stale cookie does not keep anybody from making an account; without an address it was
        // meant to be good.
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
    let begun = register::begin(&app.ports, who, label).await?;
    Ok(AppJson(RegistrationBegun::new(&app.ports.config, begun)))
}

/// A registration to complete.
#[derive(Deserialize, ToSchema)]
pub struct PasskeyRegistrationCompleteRequest {
    /// From the beginning.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// What the authenticator answered.
    response: RegistrationResponse,
    /// What the passkey is to be called; otherwise it is called after its maker or the device.
    #[serde(default, deserialize_with = "absent_if_empty")]
    label: Option<String>,
}

/// A passkey that was registered for an account that was there.
#[derive(Serialize, ToSchema)]
pub struct Added {
    success: bool,
    /// Always `true`.
    verified: bool,
    /// The passkey's id.
    credential_id: String,
    /// The same.
    #[serde(rename = "credentialId")]
    credential_id_camel: String,
    user: User,
}

/// A passkey that was registered; with a session and a pair, if an account was made.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum RegistrationCompleted {
    /// An account was made and is signed in.
    Created(Box<PasskeySignIn>),
    /// For the account that is signed in.
    Added(Box<Added>),
}

/// `POST /api/webauthn/register/complete`: verifies what the authenticator answered, and keeps the
/// passkey.
///
/// # Errors
/// The same 400 for every ceremony that does not hold; 409 for an address or a credential that is
/// taken.
#[utoipa::path(post, path = "/api/webauthn/register/complete", operation_id = "register_complete", tag = "passkeys", request_body = PasskeyRegistrationCompleteRequest,
    responses((status = 200, body = RegistrationCompleted)), security((), ("bearer" = []), ("cookie" = [])))]
pub async fn complete(
    State(app): State<App>,
    caller: MaybeSignedIn,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<PasskeyRegistrationCompleteRequest>,
) -> Result<AppJson<RegistrationCompleted>, ApiError> {
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
        client.look_at_device(&app, &device).await?;
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
            RegistrationOutcome::Added(id, user) => RegistrationCompleted::Added(Box::new(Added {
                success: true,
                verified: true,
                credential_id: id.as_str().to_owned(),
                credential_id_camel: id.as_str().to_owned(),
                user: (*user).into(),
            })),
            RegistrationOutcome::Created(id, complete) => {
                client.remember(&complete);
                RegistrationCompleted::Created(Box::new(PasskeySignIn::new(&id, *complete)))
            }
        },
    ))
}
