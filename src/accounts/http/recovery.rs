//! Recovery over HTTP: an account owner without a passkey signs in with a TOTP code or a backup
//! code.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::factors::recovery;
use crate::accounts::domain::factors::recovery::RecoveryProof;
use crate::accounts::domain::passwords;
use crate::accounts::http::AccountsState;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::objects::{AuthResponse, ChallengeIdFields};
use crate::accounts::http::webauthn::Client;
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::ids::ChallengeId;

/// The body of `POST /api/auth/recovery/begin`, with exactly one of `email` and `username`.
#[derive(Deserialize, ToSchema)]
pub struct RecoveryBeginRequest {
    /// The account's address.
    #[serde(default)]
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// The person's username, at most 64 bytes.
    #[serde(default, deserialize_with = "absent_if_empty")]
    username: Option<String>,
}

/// The maximum length of a username, in bytes. A longer one would be stored with the challenge.
const USERNAME_BYTES: usize = 64;

/// The response to the start of a recovery. The challenge expires after five minutes.
#[derive(Serialize, ToSchema)]
pub struct RecoveryBeginResponse {
    success: bool,
    #[serde(flatten)]
    challenge: ChallengeIdFields,
    /// The accepted methods. The list does not depend on the name or its account.
    #[schema(example = json!(["totp", "backup_code"]))]
    methods: [&'static str; 2],
}

/// `POST /api/auth/recovery/begin`: starts a recovery. The response does not reveal whether the
/// address or the username has an account.
///
/// # Errors
/// 422 for an invalid address, and for a body without exactly one name.
#[utoipa::path(
    post,
    path = "/api/auth/recovery/begin",
    operation_id = "begin_recovery",
    tag = "factors",
    request_body = RecoveryBeginRequest,
    responses((status = 200, body = RecoveryBeginResponse)),
)]
pub async fn begin(
    State(app): State<AccountsState>,
    AppJson(body): AppJson<RecoveryBeginRequest>,
) -> Result<AppJson<RecoveryBeginResponse>, ApiError> {
    let email = body
        .email
        .map(|email| Email::parse(&email).ok_or(Code::InvalidEmail))
        .transpose()?;
    let username = body.username.as_deref();
    let name = passwords::login_name(email.as_ref(), username)
        .filter(|_| username.is_none_or(|username| username.len() <= USERNAME_BYTES));
    let name =
        name.ok_or_else(|| ApiError::because(Code::InvalidBody, "not one of email and username"))?;
    let challenge = recovery::begin(&app.ports, name).await?;
    Ok(AppJson(RecoveryBeginResponse {
        success: true,
        challenge: challenge.into(),
        methods: ["totp", "backup_code"],
    }))
}

/// The body of `POST /api/auth/recovery/complete`.
#[derive(Deserialize, ToSchema)]
pub struct RecoveryCompleteRequest {
    /// The `challenge_id` of the begin response.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// The six digits of an authenticator app, or a backup code.
    code: String,
    /// Whether all other sessions of the account end.
    #[serde(default, alias = "revokeOthers")]
    revoke_others: bool,
}

/// An `AuthResponse` with a session and a token pair.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCompleteResponse {
    #[serde(flatten)]
    auth: AuthResponse,
    /// The methods of the session: the accepted method, and `recovery`.
    #[schema(example = json!(["backup_code", "recovery"]))]
    amr: Vec<String>,
    /// Always `true`. Until the account owner has added a passkey, the session can do little else.
    recovering: bool,
}

/// `POST /api/auth/recovery/complete`: signs in. Until the account owner has added a passkey, the
/// session can do little else.
///
/// # Errors
/// The same 401 for an unknown name, a wrong code and a used code.
#[utoipa::path(
    post,
    path = "/api/auth/recovery/complete",
    operation_id = "complete_recovery",
    tag = "factors",
    request_body = RecoveryCompleteRequest,
    responses((status = 200, body = RecoveryCompleteResponse)),
)]
pub async fn complete(
    State(app): State<AccountsState>,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<RecoveryCompleteRequest>,
) -> Result<AppJson<RecoveryCompleteResponse>, ApiError> {
    client.verify_device(&app, &device).await?;
    let shown = RecoveryProof {
        challenge: ChallengeId::parse(&body.challenge_id),
        code: &body.code,
        ends_others: body.revoke_others,
    };
    let (complete, amr) = recovery::complete(&app.ports, &shown, &client.place, &origin).await?;
    client.remember_session(&complete);
    Ok(AppJson(RecoveryCompleteResponse {
        auth: complete.into(),
        amr: amr.methods().to_vec(),
        recovering: true,
    }))
}
