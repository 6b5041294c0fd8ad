//! Keys: bundles, one-time prekeys, the identity and its sealed backup.

use axum::extract::{Path, State};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::ids::UserId;
use crate::relay::domain::key_backup::{BackupRejection, MOST_VERSION, NewKeyBackup};
use crate::relay::domain::{key_backup, keys};
use crate::relay::http::RelayState;
use crate::relay::http::body::{BodyFields, idempotency_key};
use crate::relay::http::member::{Member, TokenHolder};
use crate::relay::http::objects::{BundledPqPrekey, RelayMessage, standard_base64};
use crate::relay::model::keys::IdentityKeys;

/// The largest number of one-time prekeys in one upload.
pub const MOST_UPLOADED: usize = 100;
/// The number of keys in stock below which a client should upload more.
pub(super) const FEW: usize = 20;
/// The largest sealed backup in bytes.
const MOST_BACKUP_BYTES: usize = 512 * 1024;
/// The length of the nonce of a backup (`XChaCha20`) in bytes.
const NONCE_BYTES: usize = 24;
/// The length of the salt of a backup (Argon2) in bytes.
const SALT_BYTES: usize = 16;
/// The largest body of a backup: its bytes in base64, and the other fields.
pub const BACKUP_BODY_LIMIT: usize = MOST_BACKUP_BYTES * 4 / 3 + 4096;

/// The public keys of an account.
#[derive(Serialize, ToSchema)]
pub struct KeyBundle {
    /// The identity key: Ed25519, 32 bytes, base64.
    identity_key: String,
    /// The signed prekey: X25519, 32 bytes, base64.
    signed_prekey: String,
    /// The signature of the signed prekey by the identity key: 64 bytes, base64. The account
    /// uploaded it as `signed_prekey_signature`.
    signed_prekey_sig: String,
    /// A one-time prekey that no other caller gets: X25519, 32 bytes, base64. Null if none is left.
    #[schema(required)]
    one_time_prekey: Option<String>,
    /// The age of the signed prekey in days.
    signed_prekey_age_days: i64,
    /// A post-quantum prekey, if the account has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pq_prekey: Option<BundledPqPrekey>,
}

/// `GET /api/v1/users/{id}/keys`: Returns the public keys of an account with a one-time prekey that
/// no other caller gets.
///
/// With an `Idempotency-Key` (1 to 128 visible characters of ASCII), a repeated request gets the
/// same prekey for 24 hours. The caller needs a token in `Authorization`: a cookie gets 401.
///
/// # Errors
/// 404 if the account does not exist or has no keys.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}/keys",
    operation_id = "relay_key_bundle",
    tag = "relay",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = KeyBundle)),
)]
pub async fn bundle(
    State(app): State<RelayState>,
    TokenHolder(me): TokenHolder,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<AppJson<KeyBundle>, ApiError> {
    let target = UserId::parse(&id).ok_or(Code::UserNotFound)?;
    let key = idempotency_key(&headers)?;
    let found = keys::bundle(&app.ports, me.user.id, target, key).await?;
    Ok(AppJson(KeyBundle {
        identity_key: standard_base64(&found.identity_key),
        signed_prekey: standard_base64(&found.signed_prekey),
        signed_prekey_sig: standard_base64(&found.signature),
        one_time_prekey: found.one_time_prekey.as_deref().map(standard_base64),
        signed_prekey_age_days: keys::age_in_days(found.signed_prekey_day, me.now),
        pq_prekey: BundledPqPrekey::of(&found),
    }))
}

/// One-time prekeys to upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct PrekeysRequest {
    /// 1 to 100 different X25519 public keys of 32 bytes, base64.
    prekeys: Vec<String>,
}

/// The response to an upload of prekeys.
#[derive(Serialize, ToSchema)]
pub struct PrekeysResponse {
    /// A sentence for people.
    pub(super) message: &'static str,
    /// The number of one-time prekeys in stock.
    pub(super) total_available: usize,
}

/// `POST /api/v1/keys/prekeys`: Adds one-time prekeys to the stock of the account, at most 500.
///
/// # Errors
/// 409 if a key was uploaded before, also if it was issued since, or if the stock would have more
/// than 500 keys.
#[utoipa::path(
    post,
    path = "/api/v1/keys/prekeys",
    operation_id = "relay_upload_prekeys",
    tag = "relay",
    request_body = PrekeysRequest,
    responses((status = 200, body = PrekeysResponse)),
)]
pub async fn upload(
    State(app): State<RelayState>,
    Member(me): Member,
    mut body: BodyFields,
) -> Result<AppJson<PrekeysResponse>, ApiError> {
    let new = body.keys("prekeys", 1, MOST_UPLOADED)?;
    let total_available = keys::add_prekeys(&app.ports, me.caller(), &new).await?;
    Ok(AppJson(PrekeysResponse {
        message: "The prekeys are stored.",
        total_available,
    }))
}

/// The stock of one-time prekeys.
#[derive(Serialize, ToSchema)]
pub struct PrekeyCount {
    /// The number of keys in stock.
    count: usize,
    /// Whether the client should upload more: fewer than 20 are left.
    needs_replenishment: bool,
}

/// `GET /api/v1/keys/prekeys/count`: Returns the number of one-time prekeys in stock.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/v1/keys/prekeys/count",
    operation_id = "relay_count_prekeys",
    tag = "relay",
    responses((status = 200, body = PrekeyCount)),
)]
pub async fn count(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<PrekeyCount>, ApiError> {
    let count = keys::in_stock(&app.ports, me.user.id).await?;
    Ok(AppJson(PrekeyCount {
        count,
        needs_replenishment: count < FEW,
    }))
}

/// The response to the removal of prekeys.
#[derive(Serialize, ToSchema)]
pub struct PrekeysRemoved {
    /// A sentence for people.
    pub(super) message: &'static str,
    /// The number of removed one-time keys.
    pub(super) deleted: usize,
}

/// `DELETE /api/v1/keys/prekeys`: Removes all one-time prekeys in stock. They cannot be uploaded
/// again.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/prekeys",
    operation_id = "relay_remove_prekeys",
    tag = "relay",
    responses((status = 200, body = PrekeysRemoved)),
)]
pub async fn clear(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<PrekeysRemoved>, ApiError> {
    let deleted = keys::clear_prekeys(&app.ports, me.caller()).await?;
    Ok(AppJson(PrekeysRemoved {
        message: "The prekeys are removed.",
        deleted,
    }))
}

/// An identity key with a signed prekey.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct IdentityKeysRequest {
    /// The identity key: Ed25519, 32 bytes, base64.
    identity_key: String,
    /// The signed prekey: X25519, 32 bytes, base64.
    signed_prekey: String,
    /// The signature of the 32 bytes of the signed prekey by the identity key: 64 bytes, base64.
    signed_prekey_signature: String,
}

/// Reads an identity from a body.
pub(super) fn identity(body: &mut BodyFields) -> Result<IdentityKeys, ApiError> {
    Ok(IdentityKeys {
        identity_key: body.key("identity_key")?,
        signed_prekey: body.key("signed_prekey")?,
        signature: body.signature("signed_prekey_signature")?,
    })
}

/// `PUT /api/v1/keys/identity`: Sets the identity key and the signed prekey of the account.
///
/// A changed identity key removes all other prekeys. An account that has no keys yet joins the
/// relay.
///
/// # Errors
/// 400 if the signature is not by the identity key.
#[utoipa::path(
    put,
    path = "/api/v1/keys/identity",
    operation_id = "relay_set_identity",
    tag = "relay",
    request_body = IdentityKeysRequest,
    responses((status = 200, body = RelayMessage)),
)]
pub async fn set_identity(
    State(app): State<RelayState>,
    Member(me): Member,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let identity = identity(&mut body)?;
    keys::set_identity(&app.ports, me.caller(), &identity, &origin).await?;
    Ok(AppJson(RelayMessage::new("The keys are set.")))
}

/// A sealed backup of the account's keys.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct BackupRequest {
    /// The sealed keys: at most 512 KiB, base64.
    encrypted_data: String,
    /// 24 bytes, base64.
    nonce: String,
    /// 16 bytes, base64.
    salt: String,
    /// The version of this backup. It must follow the stored version. 1, or no version, replaces
    /// every backup.
    version: Option<i64>,
}

/// The response to the upload or the removal of a backup.
#[derive(Serialize, ToSchema)]
pub struct BackupChanged {
    /// Always true.
    ok: bool,
    /// The version of the stored backup. Null after a removal.
    #[schema(required)]
    version: Option<i64>,
}

/// `PUT /api/v1/keys/backup`: Stores a sealed backup of the account's keys.
///
/// # Errors
/// 409 with the stored `version` if the backup has another version than the following one.
#[utoipa::path(
    put,
    path = "/api/v1/keys/backup",
    operation_id = "relay_store_backup",
    tag = "relay",
    request_body = BackupRequest,
    responses((status = 200, body = BackupChanged)),
)]
pub async fn put_backup(
    State(app): State<RelayState>,
    Member(me): Member,
    mut body: BodyFields,
) -> Result<AppJson<BackupChanged>, ApiError> {
    let (data, nonce, salt) = (
        body.bytes("encrypted_data", 1, MOST_BACKUP_BYTES)?,
        body.bytes("nonce", NONCE_BYTES, NONCE_BYTES)?,
        body.bytes("salt", SALT_BYTES, SALT_BYTES)?,
    );
    let new = NewKeyBackup {
        version: body.optional_number("version", 1, MOST_VERSION)?,
        encrypted_data: &data,
        nonce: &nonce,
        salt: &salt,
    };
    let version = key_backup::put(&app.ports, me.caller(), new).await?;
    Ok(AppJson(BackupChanged {
        ok: true,
        version: Some(version),
    }))
}

/// A sealed backup.
#[derive(Serialize, ToSchema)]
pub struct BackupResponse {
    /// The sealed keys, base64.
    encrypted_data: String,
    /// The nonce, base64.
    nonce: String,
    /// The salt, base64.
    salt: String,
    /// The version.
    version: i64,
    /// When the backup was stored.
    #[schema(format = "date-time")]
    updated_at: String,
}

/// `GET /api/v1/keys/backup`: Returns the sealed backup.
///
/// # Errors
/// 404 if the account has none.
#[utoipa::path(
    get,
    path = "/api/v1/keys/backup",
    operation_id = "relay_backup",
    tag = "relay",
    responses((status = 200, body = BackupResponse)),
)]
pub async fn get_backup(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<BackupResponse>, ApiError> {
    let found = key_backup::get(app.ports.db.as_ref(), me.user.id).await?;
    let found = found.ok_or(BackupRejection::None)?;
    Ok(AppJson(BackupResponse {
        encrypted_data: standard_base64(&found.encrypted_data),
        nonce: standard_base64(&found.nonce),
        salt: standard_base64(&found.salt),
        version: found.version,
        updated_at: found.updated_at.to_string(),
    }))
}

/// Whether a backup is stored.
#[derive(Serialize, ToSchema)]
pub struct BackupStatus {
    /// Whether the account has a backup.
    has_backup: bool,
    /// The version of the backup.
    #[schema(required)]
    version: Option<i64>,
    /// When the backup was stored.
    #[schema(required, format = "date-time")]
    updated_at: Option<String>,
}

/// `GET /api/v1/keys/backup/status`: Returns whether the account has a backup, without its data.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/v1/keys/backup/status",
    operation_id = "relay_backup_status",
    tag = "relay",
    responses((status = 200, body = BackupStatus)),
)]
pub async fn backup_status(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<BackupStatus>, ApiError> {
    let found = key_backup::status(app.ports.db.as_ref(), me.user.id).await?;
    Ok(AppJson(BackupStatus {
        has_backup: found.is_some(),
        version: found.map(|(version, _)| version),
        updated_at: found.map(|(_, at)| at.to_string()),
    }))
}

/// `DELETE /api/v1/keys/backup`: Removes the sealed backup.
///
/// # Errors
/// 404 if the account has none.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/backup",
    operation_id = "relay_remove_backup",
    tag = "relay",
    responses((status = 200, body = BackupChanged)),
)]
pub async fn remove_backup(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<BackupChanged>, ApiError> {
    key_backup::remove(&app.ports, me.caller()).await?;
    Ok(AppJson(BackupChanged {
        ok: true,
        version: None,
    }))
}
