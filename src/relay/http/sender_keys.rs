//! Sealed sender keys, and the identity keys for which senders seal them.

use axum::extract::{Path, State};
use http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::relay::domain::server_channels;
use crate::relay::domain::server_channels::SealedSenderKey;
use crate::relay::http::RelayState;
use crate::relay::http::body::{BodyFields, invalid};
use crate::relay::http::member::{Member, TokenHolder};
use crate::relay::http::objects::standard_base64;
use crate::relay::http::server_channels::channel_id;
use crate::relay::http::server_members::page;
use crate::relay::model::ids::ChannelId;

/// The largest body of a distribution.
pub const DISTRIBUTION_BODY_LIMIT: usize = 1024 * 1024;
/// The largest number of keys in one distribution.
const MOST_KEYS: usize = 5_000;
/// The largest sealed sender key in bytes.
const MOST_SKDM_BYTES: usize = 4 * 1024;

/// A sealed sender key for one member.
#[derive(Deserialize, ToSchema)]
pub struct SenderKeyItem {
    /// The receiver.
    #[schema(format = "uuid")]
    to_user_id: String,
    /// The distribution to which the key belongs.
    #[schema(format = "uuid")]
    distribution_id: String,
    /// The sealed key: 1 byte to 4 KiB, base64.
    encrypted_skdm: String,
}

/// Sealed sender keys.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct DistributionRequest {
    /// 1 to 5,000 keys.
    distributions: Vec<SenderKeyItem>,
}

/// The response to a distribution.
#[derive(Serialize, ToSchema)]
pub struct DistributionResponse {
    /// The number of stored keys. Those for accounts that are not members are left out.
    distributed: usize,
}

/// Reads the keys of a distribution.
fn keys(body: &mut BodyFields) -> Result<Vec<SealedSenderKey>, ApiError> {
    let what = "a list of 1 to 5,000 objects with to_user_id, distribution_id and encrypted_skdm";
    let items: Vec<SenderKeyItem> = body.value("distributions", what)?;
    if !(1..=MOST_KEYS).contains(&items.len()) {
        return Err(invalid(format!("distributions must be {what}.")));
    }
    let read = |item: SenderKeyItem| {
        let sealed = base64::decode(&item.encrypted_skdm)
            .filter(|bytes| (1..=MOST_SKDM_BYTES).contains(&bytes.len()));
        Some(SealedSenderKey {
            to: UserId::parse(&item.to_user_id)?,
            // A distribution has an id of its own kind, which is a UUID too.
            distribution: ChannelId::parse(&item.distribution_id)?.to_string(),
            encrypted_skdm: base64::encode(sealed?),
        })
    };
    let keys: Option<Vec<SealedSenderKey>> = items.into_iter().map(read).collect();
    keys.ok_or_else(|| {
        invalid(
            "distributions must have UUIDs in to_user_id and distribution_id, and the base64 of 1 \
             to 4096 bytes in encrypted_skdm.",
        )
    })
}

/// `POST /api/v1/channels/{id}/sender-keys`: Stores sealed sender keys for members of a channel.
///
/// A key waits until its receiver has read it, for at most 30 days. A newer key of the same sender
/// and distribution replaces it.
///
/// # Errors
/// 404 if the channel does not exist or the caller is not a member; 429 after 20,000 keys in an
/// hour, where a key counts once for each KiB that it begins.
#[utoipa::path(
    post,
    path = "/api/v1/channels/{id}/sender-keys",
    operation_id = "relay_distribute_sender_keys",
    tag = "relay",
    params(("id" = String, Path)),
    request_body = DistributionRequest,
    responses((status = 200, body = DistributionResponse)),
)]
pub async fn distribute(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    mut body: BodyFields,
) -> Result<AppJson<DistributionResponse>, ApiError> {
    let channel = channel_id(&id)?;
    let keys = keys(&mut body)?;
    let distributed = server_channels::distribute(&app.ports, me.caller(), channel, &keys).await?;
    Ok(AppJson(DistributionResponse { distributed }))
}

/// A sealed sender key that waited for the caller.
#[derive(Serialize, ToSchema)]
pub struct SenderKeyResponse {
    /// The id.
    #[schema(format = "uuid")]
    id: String,
    /// The channel.
    #[schema(format = "uuid")]
    channel_id: String,
    /// The sender.
    #[schema(format = "uuid")]
    from_user_id: String,
    /// The distribution to which the key belongs.
    #[schema(format = "uuid")]
    distribution_id: String,
    /// The sealed key, base64.
    encrypted_skdm: String,
    /// When the sender distributed it.
    #[schema(format = "date-time")]
    created_at: String,
}

/// `GET /api/v1/channels/{id}/sender-keys`: Returns the sealed sender keys that wait for the
/// caller, the oldest first, at most 1,000.
///
/// A key that was read is given again for a minute, because an answer may be lost. The caller needs
/// a token in `Authorization`: a cookie gets 401.
///
/// # Errors
/// 404 if the channel does not exist or the caller is not a member.
#[utoipa::path(
    get,
    path = "/api/v1/channels/{id}/sender-keys",
    operation_id = "relay_sender_keys",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = Vec<SenderKeyResponse>)),
)]
pub async fn list(
    State(app): State<RelayState>,
    TokenHolder(me): TokenHolder,
    Path(id): Path<String>,
) -> Result<AppJson<Vec<SenderKeyResponse>>, ApiError> {
    let channel = channel_id(&id)?;
    let found = server_channels::sender_keys(&app.ports, me.caller(), channel).await?;
    let response = found.into_iter().map(|key| SenderKeyResponse {
        id: key.id,
        channel_id: channel.to_string(),
        from_user_id: key.from.to_string(),
        distribution_id: key.distribution,
        encrypted_skdm: standard_base64(&key.encrypted_skdm),
        created_at: key.created_at.to_string(),
    });
    Ok(AppJson(response.collect()))
}

/// The identity key of a member.
#[derive(Serialize, ToSchema)]
pub struct MemberKeyResponse {
    /// The account.
    #[schema(format = "uuid")]
    user_id: String,
    /// The identity key: Ed25519, 32 bytes, base64.
    identity_key: String,
}

/// `GET /api/v1/channels/{id}/members/keys`: Returns the identity keys of the other members of a
/// channel, by the ids of the accounts.
///
/// With `limit` it returns a page, and with `after`, the last id of a page, the next one.
///
/// # Errors
/// 404 if the channel does not exist or the caller is not a member.
#[utoipa::path(
    get,
    path = "/api/v1/channels/{id}/members/keys",
    operation_id = "relay_member_keys",
    tag = "relay",
    params(
        ("id" = String, Path),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 5000),
        ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Vec<MemberKeyResponse>)),
)]
pub async fn member_keys(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<AppJson<Vec<MemberKeyResponse>>, ApiError> {
    let (channel, page) = (channel_id(&id)?, page(&uri)?);
    let found = server_channels::identity_keys(&app.ports, me.caller(), channel, page).await?;
    let response = found.into_iter().map(|(user, key)| MemberKeyResponse {
        user_id: user.to_string(),
        identity_key: standard_base64(&key),
    });
    Ok(AppJson(response.collect()))
}
