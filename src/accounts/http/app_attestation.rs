//! App Attest over HTTP (CONTRACT §6): the challenge, the attestation of a device's key, and the
//! account's devices.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::devices::register;
use crate::accounts::domain::devices::register::{AttestKey, Submission};
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::{CurrentUser, MaybeSignedIn};
use crate::accounts::http::objects::{ChallengeIdFields, MessageResponse};
use crate::accounts::model::attest::KeyId;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::base64;
use crate::kernel::model::ids::ChallengeId;
use crate::kernel::model::text;
use crate::kernel::model::time::Timestamp;

/// The body of `POST /api/app-attestation/challenge`.
#[derive(Deserialize, ToSchema)]
pub struct AttestationChallengeRequest {
    /// `ios`.
    platform: String,
    /// The app's bundle id.
    #[serde(alias = "bundleId")]
    bundle_id: String,
    /// The purpose of the challenge. Only a challenge for attestation can be used here.
    #[serde(default, deserialize_with = "absent_if_empty")]
    purpose: Option<String>,
}

/// The response with a challenge. It expires after ten minutes.
#[derive(Serialize, ToSchema)]
pub struct AttestationChallengeResponse {
    success: bool,
    /// 32 bytes in standard base64. The client data hash is the SHA-256 of the bytes.
    challenge: String,
    #[serde(flatten)]
    id: ChallengeIdFields,
}

/// Returns the error for an app that is not configured.
fn unknown_app() -> ApiError {
    let reason = "the bundle id is not in APPLE_BUNDLE_ID";
    ApiError::because(Code::InvalidBundleId, reason)
}

/// `POST /api/app-attestation/challenge`: returns a challenge for the attestation of a device's
/// key. It is bound to the caller's account if the caller is signed in.
///
/// # Errors
/// 422 for another platform, or an app that is not configured.
#[utoipa::path(
    post,
    path = "/api/app-attestation/challenge",
    operation_id = "attestation_challenge",
    tag = "devices",
    request_body = AttestationChallengeRequest,
    responses((status = 200, body = AttestationChallengeResponse)),
    security((), ("bearer" = [])),
)]
pub async fn challenge(
    State(app): State<AccountsState>,
    caller: MaybeSignedIn,
    AppJson(body): AppJson<AttestationChallengeRequest>,
) -> Result<AppJson<AttestationChallengeResponse>, ApiError> {
    if body.platform != "ios" {
        return Err(Code::InvalidPlatform.into());
    }
    let id = app
        .ports
        .config
        .attest
        .app_of(&body.bundle_id)
        .ok_or_else(unknown_app)?;
    let purpose = body
        .purpose
        .map(|purpose| text::slug(&purpose).ok_or(Code::InvalidPurpose))
        .transpose()?;
    let user = match caller {
        // A challenge without an account would be valid for other callers. A caller with an invalid
        // token expects one for their account.
        MaybeSignedIn::Refused(error) => return Err(error),
        other => other.signed_in().map(|me| me.user.id),
    };
    let (challenge_id, challenge) =
        register::create_challenge(&app.ports, id, purpose, user).await?;
    Ok(AppJson(AttestationChallengeResponse {
        success: true,
        challenge: register::encode_standard(&challenge),
        id: challenge_id.into(),
    }))
}

/// The body of `POST /api/app-attestation/verify`.
#[derive(Deserialize, ToSchema)]
pub struct AttestationVerifyRequest {
    /// Apple's attestation object, base64.
    #[serde(alias = "attestationObject", alias = "attestation")]
    attestation_object: String,
    /// The key's id, base64.
    #[serde(alias = "keyId")]
    key_id: String,
    /// The `challenge_id` of the challenge.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// The app's bundle id.
    #[serde(alias = "bundleId")]
    bundle_id: String,
}

/// The response to a verified attestation.
#[derive(Serialize, ToSchema)]
pub struct AttestationVerifyResponse {
    /// Always `true`.
    success: bool,
}

/// `POST /api/app-attestation/verify`: verifies Apple's attestation and stores the device's key.
/// The key belongs to the caller's account or, if the caller is not signed in, to the first account
/// that uses it.
///
/// # Errors
/// The same 400 for every attestation that fails verification; 409 for a key of another account.
#[utoipa::path(
    post,
    path = "/api/app-attestation/verify",
    operation_id = "verify_attestation",
    tag = "devices",
    request_body = AttestationVerifyRequest,
    responses((status = 200, body = AttestationVerifyResponse)),
    security((), ("bearer" = [])),
)]
pub async fn verify(
    State(app): State<AccountsState>,
    caller: MaybeSignedIn,
    origin: RequestOrigin,
    AppJson(body): AppJson<AttestationVerifyRequest>,
) -> Result<AppJson<AttestationVerifyResponse>, ApiError> {
    let submission = Submission {
        object: base64::decode(&body.attestation_object).ok_or(Code::InvalidBody)?,
        key: KeyId::parse(&body.key_id).ok_or(Code::InvalidKeyId)?,
        challenge: ChallengeId::parse(&body.challenge_id),
        app: Some(
            app.ports
                .config
                .attest
                .app_of(&body.bundle_id)
                .ok_or_else(unknown_app)?
                .to_owned(),
        ),
    };
    let by = match caller {
        // A caller with an expired token must not store a key without an account.
        MaybeSignedIn::Refused(error) => return Err(error),
        other => other.signed_in().map(|me| me.caller()),
    };
    register::register(&app.ports, by, &submission, &origin).await?;
    Ok(AppJson(AttestationVerifyResponse { success: true }))
}

/// The body of `POST /api/app-attestation/verify-key`.
#[derive(Deserialize, ToSchema)]
pub struct KeyVerifyRequest {
    /// The key's id, base64.
    #[serde(alias = "keyId")]
    key_id: String,
}

/// The status of a key.
#[derive(Serialize, ToSchema)]
pub struct KeyVerifyResponse {
    /// Whether the key is known and not revoked.
    valid: bool,
}

/// `POST /api/app-attestation/verify-key`: returns whether a key is known and not revoked.
///
/// # Errors
/// 422 for an id that no key can have.
#[utoipa::path(
    post,
    path = "/api/app-attestation/verify-key",
    operation_id = "verify_key",
    tag = "devices",
    request_body = KeyVerifyRequest,
    responses((status = 200, body = KeyVerifyResponse)),
)]
pub async fn verify_key(
    State(app): State<AccountsState>,
    AppJson(body): AppJson<KeyVerifyRequest>,
) -> Result<AppJson<KeyVerifyResponse>, ApiError> {
    let key = KeyId::parse(&body.key_id).ok_or(Code::InvalidKeyId)?;
    Ok(AppJson(KeyVerifyResponse {
        valid: register::is_valid(&app.ports, &key).await?,
    }))
}

/// A device's key. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct DeviceEntry {
    /// The key's id, base64url.
    key_id: String,
    /// The app's id.
    app_id: String,
    /// `production` or `development`.
    environment: String,
    /// When the key was attested.
    created_at: i64,
    /// When the key was last used.
    #[schema(required)]
    last_used: Option<i64>,
    /// How often the key was used, by Apple's counter.
    counter: u32,
    /// Whether the key is revoked.
    revoked: bool,
}

impl From<AttestKey> for DeviceEntry {
    fn from(key: AttestKey) -> Self {
        Self {
            key_id: key.id.text(),
            app_id: key.app_id,
            environment: key.environment,
            created_at: key.created_at.millis(),
            last_used: key.last_used_at.map(Timestamp::millis),
            counter: key.counter,
            revoked: key.revoked,
        }
    }
}

/// The response with the account's devices.
#[derive(Serialize, ToSchema)]
pub struct DeviceListResponse {
    success: bool,
    /// Keys in use before revoked ones, each newest first; at most 100.
    keys: Vec<DeviceEntry>,
    /// The number of keys.
    count: usize,
}

/// `GET /api/app-attestation/keys`: returns the account's devices.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/app-attestation/keys",
    operation_id = "list_devices",
    tag = "devices",
    responses((status = 200, body = DeviceListResponse)),
)]
pub async fn list(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<DeviceListResponse>, ApiError> {
    let keys: Vec<_> = register::list(&app.ports, me.user.id)
        .await?
        .into_iter()
        .map(DeviceEntry::from)
        .collect();
    Ok(AppJson(DeviceListResponse {
        success: true,
        count: keys.len(),
        keys,
    }))
}

/// `DELETE /api/app-attestation/keys/{key_id}`: revokes a device's key permanently and ends the
/// sessions of the device. The request can be repeated safely.
///
/// # Errors
/// The same 404 for an unknown key and for one of another account.
#[utoipa::path(
    delete,
    path = "/api/app-attestation/keys/{key_id}",
    operation_id = "revoke_device",
    tag = "devices",
    params(("key_id" = String, Path, description = "The key's id.")),
    responses((status = 200, body = MessageResponse)),
)]
pub async fn revoke(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    Path(key_id): Path<String>,
) -> Result<AppJson<MessageResponse>, ApiError> {
    let key = KeyId::parse(&key_id).ok_or(Code::AttestKeyNotFound)?;
    if register::revoke(&app.ports, me.caller(), &key, &origin).await? {
        Ok(AppJson(MessageResponse::new("The device is revoked.")))
    } else {
        Err(Code::AttestKeyNotFound.into())
    }
}
