//! Recovery over HTTP: somebody who lost their passkeys signs in with a TOTP code or a backup code.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::factors::recovery;
use crate::accounts::domain::factors::recovery::RecoveryProof;
use crate::accounts::http::App;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::objects::AuthResponse;
use crate::accounts::http::webauthn::Client;
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::ids::ChallengeId;

/// Whose account it is.
#[derive(Deserialize, ToSchema)]
pub struct RecoveryBeginRequest {
    /// The account's address.
    #[schema(example = "ada@example.com")]
    email: String,
}

/// A recovery that was begun.
#[derive(Serialize, ToSchema)]
pub struct Begun {
    success: bool,
    /// By which it is completed, within five minutes, once.
    #[schema(format = "uuid")]
    challenge_id: String,
    /// The same.
    #[serde(rename = "challengeId")]
    challenge_id_camel: String,
    /// What can be shown: the same for every address, whatever its account has.
    #[schema(example = json!(["totp", "backup_code"]))]
    methods: [&'static str; 2],
}

/// `POST /api/auth/recovery/begin`: begins a recovery. The same answer for every address, whether
/// or not anybody has it.
///
/// # Errors
/// 422 for what cannot be an address.
#[utoipa::path(post, path = "/api/auth/recovery/begin", operation_id = "begin_recovery", tag = "factors", request_body = RecoveryBeginRequest, responses((status = 200, body = Begun)))]
pub async fn begin(
    State(app): State<App>,
    AppJson(body): AppJson<RecoveryBeginRequest>,
) -> Result<AppJson<Begun>, ApiError> {
    let email = Email::parse(&body.email).ok_or(Code::InvalidEmail)?;
    let challenge_id = recovery::begin(&app.ports, &email).await?.to_string();
    let methods = ["totp", "backup_code"];
    Ok(AppJson(Begun {
        success: true,
        challenge_id_camel: challenge_id.clone(),
        challenge_id,
        methods,
    }))
}

/// A recovery to complete.
#[derive(Deserialize, ToSchema)]
pub struct RecoveryCompleteRequest {
    /// From the beginning.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// The six digits of an authenticator, or a backup code.
    code: String,
    /// Whether every other sign-in of the account ends.
    #[serde(default, alias = "revokeOthers")]
    revoke_others: bool,
}

/// A sign-in by recovery: an `AuthResponse` with a session and a pair.
#[derive(Serialize, ToSchema)]
pub struct Recovered {
    #[serde(flatten)]
    auth: AuthResponse,
    /// By what, and that it was a recovery.
    #[schema(example = json!(["backup_code", "recovery"]))]
    amr: Vec<String>,
    /// Always `true`: until a passkey is added the sign-in is good for that, and for little else.
    recovering: bool,
}

/// `POST /api/auth/recovery/complete`: signs in. Until a passkey was added, the sign-in is good for
/// that and little else.
///
/// # Errors
/// The same 401 for an unknown address, a wrong code, and one that was used.
#[utoipa::path(post, path = "/api/auth/recovery/complete", operation_id = "complete_recovery", tag = "factors", request_body = RecoveryCompleteRequest, responses((status = 200, body = Recovered)))]
pub async fn complete(
    State(app): State<App>,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<RecoveryCompleteRequest>,
) -> Result<AppJson<Recovered>, ApiError> {
    client.look_at_device(&app, &device).await?;
    let shown = RecoveryProof {
        challenge: ChallengeId::parse(&body.challenge_id),
        code: &body.code,
        ends_others: body.revoke_others,
    };
    let (complete, amr) = recovery::complete(&app.ports, &shown, &client.place, &origin).await?;
    client.remember(&complete);
    Ok(AppJson(Recovered {
        auth: complete.into(),
        amr: amr.methods().to_vec(),
        recovering: true,
    }))
}
