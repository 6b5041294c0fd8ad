//! Post-quantum prekeys. Clients that know none see no difference.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;
use crate::relay::domain::keys;
use crate::relay::http::RelayState;
use crate::relay::http::body::{BodyFields, invalid};
use crate::relay::http::keys::{FEW, MOST_UPLOADED, PrekeysRemoved, PrekeysResponse};
use crate::relay::http::member::Member;
use crate::relay::model::pq_prekeys::{NewPqPrekeys, PqPrekey};

/// The largest body of an upload: 101 keys of ML-KEM-1024 with their signatures.
pub const PQ_BODY_LIMIT: usize = 256 * 1024;

/// A public key of ML-KEM with its signature.
#[derive(Deserialize, ToSchema)]
pub struct SignedPqPrekey {
    /// The public key: ML-KEM-768 (1,184 bytes) or ML-KEM-1024 (1,568 bytes), base64.
    public_key: String,
    /// The signature of the bytes of the public key by the identity key: 64 bytes, base64.
    signature: String,
}

/// Post-quantum prekeys to upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct PqPrekeysRequest {
    /// 1 to 100 different keys, all of the same length.
    pq_prekeys: Option<Vec<SignedPqPrekey>>,
    /// The key that callers get while no other one is left. It replaces the stored one.
    pq_last_resort_prekey: Option<SignedPqPrekey>,
}

/// Reads keys of one field.
fn prekeys(name: &str, keys: &[SignedPqPrekey]) -> Result<Vec<PqPrekey>, ApiError> {
    let keys = keys.iter();
    keys.map(|key| PqPrekey::parse(&key.public_key, &key.signature))
        .collect::<Option<_>>()
        .ok_or_else(|| {
            invalid(format!(
                "{name}: public_key must be the base64 of 1184 or 1568 bytes, and signature of 64."
            ))
        })
}

/// Reads the keys of an upload.
fn upload_of(body: &mut BodyFields) -> Result<NewPqPrekeys, ApiError> {
    let what =
        "a list of 1 to 100 different keys of one length, each with public_key and signature";
    let listed: Option<Vec<SignedPqPrekey>> = body.optional_value("pq_prekeys", what)?;
    let what = "an object with public_key and signature";
    let last: Option<SignedPqPrekey> = body.optional_value("pq_last_resort_prekey", what)?;
    let one_time = match &listed {
        Some(keys) if (1..=MOST_UPLOADED).contains(&keys.len()) => prekeys("pq_prekeys", keys)?,
        Some(_) => return Err(invalid("pq_prekeys must be a list of 1 to 100 keys.")),
        None if last.is_none() => return Err(invalid("pq_prekeys is missing.")),
        None => Vec::new(),
    };
    let last_resort = match last {
        Some(key) => prekeys("pq_last_resort_prekey", &[key])?.pop(),
        None => None,
    };
    let all = one_time.iter().chain(&last_resort);
    let different: std::collections::HashSet<&[u8]> = all.map(PqPrekey::key).collect();
    if different.len() != one_time.len() + usize::from(last_resort.is_some()) {
        return Err(invalid("pq_prekeys must not have a key twice."));
    }
    let length = |key: &PqPrekey| key.key().len();
    if !one_time
        .iter()
        .is_sorted_by(|one, next| length(one) == length(next))
    {
        return Err(invalid("pq_prekeys must have keys of one length."));
    }
    Ok(NewPqPrekeys {
        one_time,
        last_resort,
    })
}

/// `POST /api/v1/keys/pq-prekeys`: Adds post-quantum one-time prekeys to the stock of the account,
/// at most 100, and replaces its last-resort prekey.
///
/// # Errors
/// 400 if a key is not signed by the identity key; 409 if a one-time key was uploaded before, or if
/// the stock would have more than 100 keys.
#[utoipa::path(
    post,
    path = "/api/v1/keys/pq-prekeys",
    operation_id = "relay_upload_pq_prekeys",
    tag = "relay",
    request_body = PqPrekeysRequest,
    responses((status = 200, body = PrekeysResponse)),
)]
pub async fn upload(
    State(app): State<RelayState>,
    Member(me): Member,
    mut body: BodyFields,
) -> Result<AppJson<PrekeysResponse>, ApiError> {
    let new = upload_of(&mut body)?;
    let total_available = keys::add_pq_prekeys(&app.ports, me.caller(), &new).await?;
    Ok(AppJson(PrekeysResponse {
        message: "The prekeys are stored.",
        total_available,
    }))
}

/// The stock of post-quantum prekeys.
#[derive(Serialize, ToSchema)]
pub struct PqPrekeyCount {
    /// The number of one-time keys in stock.
    count: usize,
    /// Whether the client should upload more: fewer than 20 are left.
    needs_replenishment: bool,
    /// Whether the account has a last-resort prekey.
    has_last_resort: bool,
}

/// `GET /api/v1/keys/pq-prekeys/count`: Returns the number of post-quantum one-time prekeys in
/// stock, and whether there is a last-resort prekey.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/v1/keys/pq-prekeys/count",
    operation_id = "relay_count_pq_prekeys",
    tag = "relay",
    responses((status = 200, body = PqPrekeyCount)),
)]
pub async fn count(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<PqPrekeyCount>, ApiError> {
    let stock = keys::pq_in_stock(&app.ports, me.user.id).await?;
    Ok(AppJson(PqPrekeyCount {
        count: stock.one_time,
        needs_replenishment: stock.one_time < FEW,
        has_last_resort: stock.has_last_resort,
    }))
}

/// `DELETE /api/v1/keys/pq-prekeys`: Removes all post-quantum prekeys, the last-resort prekey too.
/// One-time keys cannot be uploaded again.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/pq-prekeys",
    operation_id = "relay_remove_pq_prekeys",
    tag = "relay",
    responses((status = 200, body = PrekeysRemoved)),
)]
pub async fn clear(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<PrekeysRemoved>, ApiError> {
    let deleted = keys::clear_pq_prekeys(&app.ports, me.caller()).await?;
    Ok(AppJson(PrekeysRemoved {
        message: "The prekeys are removed.",
        deleted,
    }))
}
