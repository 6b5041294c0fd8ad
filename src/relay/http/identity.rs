//! The identity key of the caller.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;
use crate::relay::domain::keys;
use crate::relay::http::RelayState;
use crate::relay::http::member::Member;
use crate::relay::http::objects::standard_base64;

/// The identity of the caller's account.
#[derive(Serialize, ToSchema)]
pub struct OwnIdentity {
    /// The identity key: Ed25519, 32 bytes, base64. Null if the account has no keys.
    #[schema(required)]
    identity_key: Option<String>,
    /// The age of the signed prekey in days.
    #[schema(required)]
    signed_prekey_age_days: Option<i64>,
}

/// `GET /api/v1/keys/identity`: Returns the identity key of the caller's account.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/v1/keys/identity",
    operation_id = "relay_identity",
    tag = "relay",
    responses((status = 200, body = OwnIdentity)),
)]
pub async fn own(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<OwnIdentity>, ApiError> {
    let found = keys::identity(&app.ports, me.user.id).await?;
    let age = |day| keys::age_in_days(day, me.now);
    Ok(AppJson(OwnIdentity {
        identity_key: found.as_ref().map(|it| standard_base64(&it.identity_key)),
        signed_prekey_age_days: found.map(|it| age(it.signed_prekey_day)),
    }))
}
