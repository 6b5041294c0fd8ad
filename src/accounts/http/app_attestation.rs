//! App Attest over HTTP (CONTRACT §6): a challenge, the attestation over it, and the account's
//! devices.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::devices::register;
use crate::accounts::domain::devices::register::Submission;
use crate::accounts::http::App;
use crate::accounts::http::caller::{CurrentUser, MaybeSignedIn};
use crate::accounts::http::objects::Message;
use crate::accounts::model::attest::KeyId;
use crate::accounts::store::attest_keys::AttestKey;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::base64;
use crate::kernel::model::ids::ChallengeId;
use crate::kernel::model::text;
use crate::kernel::model::time::Timestamp;

/// Which app wants to attest.
#[derive(Deserialize, ToSchema)]
pub struct ChallengeRequest {
    /// `ios`.
    platform: String,
    /// The app's bundle id.
    #[serde(alias = "bundleId")]
    bundle_id: String,
    /// What the challenge is for; only one for attestation can be used here.
    #[serde(default, deserialize_with = "absent_if_empty")]
    purpose: Option<String>,
}

/// A challenge.
#[derive(Serialize, ToSchema)]
pub struct Issued {
    success: bool,
    /// 32 bytes in standard base64. The client data hash is the SHA-256 of the bytes.
    challenge: String,
    /// By which the attestation is sent, within ten minutes, once.
    #[schema(format = "uuid")]
    challenge_id: String,
    /// The same.
    #[serde(rename = "challengeId")]
    challenge_id_camel: String,
}

/// `POST /api/app-attestation/challenge`: a challenge to attest a device's key over; for the
/// account, if somebody is signed in.
///
/// # Errors
/// 422 for another platform, or an app that is not configured.
#[utoipa::path(post, path = "/api/app-attestation/challenge", operation_id = "attestation_challenge", tag = "devices", request_body = ChallengeRequest,
    responses((status = 200, body = Issued)), security((), ("bearer" = [])))]
pub async fn challenge(
    State(app): State<App>,
    caller: MaybeSignedIn,
    AppJson(body): AppJson<ChallengeRequest>,
) -> Result<AppJson<Issued>, ApiError> {
    if body.platform != "ios" {
        return Err(Code::InvalidPlatform.into());
    }
    let id = app
        .ports
        .config
        .attest
        .app_of(&body.bundle_id)
        .ok_or(Code::InvalidBundleId)?;
    let purpose = body
        .purpose
        .map(|purpose| text::slug(&purpose).ok_or(Code::InvalidPurpose))
        .transpose()?;
    let user = match caller {
        // For nobody it would be good to others; whoever shows a token means themselves.
        MaybeSignedIn::Refused(error) => return Err(error),
        other => other.signed_in().map(|me| me.user.id),
    };
    let (challenge_id, challenge) =
        register::create_challenge(&app.ports, id, purpose, user).await?;
    let challenge_id = challenge_id.to_string();
    let challenge = register::encode_standard(&challenge);
    Ok(AppJson(Issued {
        success: true,
        challenge,
        challenge_id_camel: challenge_id.clone(),
        challenge_id,
    }))
}

/// An attestation.
#[derive(Deserialize, ToSchema)]
pub struct VerifyRequest {
    /// Apple's attestation object, base64.
    #[serde(alias = "attestationObject", alias = "attestation")]
    attestation_object: String,
    /// The key's id, base64.
    #[serde(alias = "keyId")]
    key_id: String,
    /// From the challenge.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// The app's bundle id.
    #[serde(alias = "bundleId")]
    bundle_id: String,
}

/// That it worked.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// Always `true`.
    success: bool,
}

/// `POST /api/app-attestation/verify`: verifies Apple's attestation and keeps the key: for the
/// account, if somebody is signed in, otherwise for whoever uses it first.
///
/// # Errors
/// The same 400 for every attestation that does not hold; 409 for a key of another account.
#[utoipa::path(post, path = "/api/app-attestation/verify", operation_id = "verify_attestation", tag = "devices", request_body = VerifyRequest,
    responses((status = 200, body = Done)), security((), ("bearer" = [])))]
pub async fn verify(
    State(app): State<App>,
    caller: MaybeSignedIn,
    origin: RequestOrigin,
    AppJson(body): AppJson<VerifyRequest>,
) -> Result<AppJson<Done>, ApiError> {
    let submission = Submission {
        object: base64::decode(&body.attestation_object).ok_or(Code::InvalidBody)?,
        key: KeyId::parse(&body.key_id).ok_or(Code::InvalidKeyId)?,
        challenge: ChallengeId::parse(&body.challenge_id),
        app: Some(
            app.ports
                .config
                .attest
                .app_of(&body.bundle_id)
                .ok_or(Code::InvalidBundleId)?
                .to_owned(),
        ),
    };
    let by = match caller {
        // A token that is not good any more shall not make the key nobody's.
        MaybeSignedIn::Refused(error) => return Err(error),
        other => other.signed_in().map(|me| me.caller()),
    };
    register::register(&app.ports, by, &submission, &origin).await?;
    Ok(AppJson(Done { success: true }))
}

/// A key.
#[derive(Deserialize, ToSchema)]
pub struct Key {
    /// The key's id, base64.
    #[serde(alias = "keyId")]
    key_id: String,
}

/// Whether a key is good.
#[derive(Serialize, ToSchema)]
pub struct Validity {
    /// It is known and not revoked.
    valid: bool,
}

/// `POST /api/app-attestation/verify-key`: whether a key is known and not revoked.
///
/// # Errors
/// 422 for what cannot be a key's id.
#[utoipa::path(post, path = "/api/app-attestation/verify-key", operation_id = "verify_key", tag = "devices", request_body = Key, responses((status = 200, body = Validity)))]
pub async fn verify_key(
    State(app): State<App>,
    AppJson(body): AppJson<Key>,
) -> Result<AppJson<Validity>, ApiError> {
    let key = KeyId::parse(&body.key_id).ok_or(Code::InvalidKeyId)?;
    Ok(AppJson(Validity {
        valid: register::is_valid(&app.ports, &key).await?,
    }))
}

/// A device's key. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct Device {
    /// The key's id, base64url.
    key_id: String,
    /// The app's id.
    app_id: String,
    /// `production` or `development`.
    environment: String,
    /// When it was attested.
    created_at: i64,
    /// When it was last used.
    #[schema(required)]
    last_used: Option<i64>,
    /// How often it was used, as Apple's counter says.
    counter: u32,
    /// Whether it was revoked.
    revoked: bool,
}

impl From<AttestKey> for Device {
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

/// The account's devices.
#[derive(Serialize, ToSchema)]
pub struct DeviceList {
    success: bool,
    /// Live ones first, newest first among them; at most 100.
    keys: Vec<Device>,
    /// How many.
    count: usize,
}

/// `GET /api/app-attestation/keys`: the account's devices.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(get, path = "/api/app-attestation/keys", operation_id = "list_devices", tag = "devices", responses((status = 200, body = DeviceList)))]
pub async fn list(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<DeviceList>, ApiError> {
    let keys: Vec<_> = register::list(&app.ports, me.user.id)
        .await?
        .into_iter()
        .map(Device::from)
        .collect();
    Ok(AppJson(DeviceList {
        success: true,
        count: keys.len(),
        keys,
    }))
}

/// `DELETE /api/app-attestation/keys/{key_id}`: revokes a device's key, for good, and ends the
/// sign-ins of that device. Safe to repeat.
///
/// # Errors
/// The same 404 for an unknown one and for somebody else's.
#[utoipa::path(delete, path = "/api/app-attestation/keys/{key_id}", operation_id = "revoke_device", tag = "devices", params(("key_id" = String, Path, description = "The key's id.")),
    responses((status = 200, body = Message)))]
pub async fn revoke(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    Path(key_id): Path<String>,
) -> Result<AppJson<Message>, ApiError> {
    let key = KeyId::parse(&key_id).ok_or(Code::AttestKeyNotFound)?;
    if register::revoke(&app.ports, me.caller(), &key, &origin).await? {
        Ok(AppJson(Message::new("The device is revoked.")))
    } else {
        Err(Code::AttestKeyNotFound.into())
    }
}
