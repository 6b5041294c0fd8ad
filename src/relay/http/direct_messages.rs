//! Direct messages and blocks.

use axum::extract::{Path, State};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, parameter};
use crate::kernel::model::ids::UserId;
use crate::relay::domain::server_channels;
use crate::relay::http::RelayState;
use crate::relay::http::body::{Fields, invalid};
use crate::relay::http::member::Member;
use crate::relay::http::objects::RelayMessage;
use crate::relay::http::server_channels::ChannelResponse;
use crate::relay::http::server_members::{limit, user_id};
use crate::relay::http::servers::meta;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{ListedAccount, MOST_DIRECT_MESSAGES};

/// A direct message to open.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct DirectMessageRequest {
    /// The other account.
    #[schema(format = "uuid")]
    target_user_id: String,
    /// The sealed metadata: at most 8 KiB, base64. The first one stays.
    encrypted_meta: String,
}

/// `POST /api/v1/dm`: Opens the direct message with another account, or returns the one that the
/// two accounts have. Both are in it at once.
///
/// # Errors
/// 400 with oneself; 404 if the account does not exist, has no keys, or does not want to talk to
/// the caller; 409 if the caller opened 1,000 direct messages.
#[utoipa::path(
    post,
    path = "/api/v1/dm",
    operation_id = "relay_open_direct_message",
    tag = "relay",
    request_body = DirectMessageRequest,
    responses((status = 200, body = ChannelResponse)),
)]
pub async fn open(
    State(app): State<RelayState>,
    Member(me): Member,
    mut body: Fields,
) -> Result<AppJson<ChannelResponse>, ApiError> {
    let target = UserId::parse(&body.text("target_user_id")?)
        .ok_or_else(|| invalid("target_user_id must be the id of an account."))?;
    if target == me.user.id {
        return Err(invalid("target_user_id must be the id of another account."));
    }
    let meta = meta(&mut body)?;
    let channel =
        server_channels::open_direct_message(&app.ports, me.caller(), target, &meta).await?;
    Ok(AppJson(channel.into()))
}

/// `GET /api/v1/dm`: Returns the direct messages of the caller, the newest first.
///
/// At most 1,000 are returned. With `after`, the last id of a page, the next ones.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/v1/dm",
    operation_id = "relay_direct_messages",
    tag = "relay",
    params(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Vec<ChannelResponse>)),
)]
pub async fn list(
    State(app): State<RelayState>,
    Member(me): Member,
    uri: Uri,
) -> Result<AppJson<Vec<ChannelResponse>>, ApiError> {
    let after = parameter(&uri, "after")
        .map(|text| {
            ChannelId::parse(&text).ok_or_else(|| {
                ApiError::detailed(Code::InvalidQuery, "after must be the id of a channel.")
            })
        })
        .transpose()?;
    let limit = limit(&uri, MOST_DIRECT_MESSAGES)?;
    let found = server_channels::direct_messages(&app.ports, me.user.id, after, limit).await?;
    Ok(AppJson(found.into_iter().map(Into::into).collect()))
}

/// A blocked account.
#[derive(Serialize, ToSchema)]
pub struct BlockedResponse {
    /// The account.
    #[schema(format = "uuid")]
    user_id: String,
    /// The username. Accounts that were made by passkey have none.
    #[schema(required)]
    username: Option<String>,
    /// The name.
    #[schema(required)]
    display_name: Option<String>,
    /// Always null.
    #[schema(required)]
    avatar_url: Option<String>,
    /// When the caller blocked the account.
    #[schema(format = "date-time")]
    blocked_at: String,
}

impl From<ListedAccount> for BlockedResponse {
    fn from(account: ListedAccount) -> Self {
        Self {
            user_id: account.user.to_string(),
            username: account.username,
            display_name: account.display_name,
            avatar_url: None,
            blocked_at: account.at.to_string(),
        }
    }
}

/// `POST /api/v1/users/{id}/block`: Blocks an account. It gets no keys of the caller and opens no
/// direct message with the caller. It gets the answers about an unknown account.
///
/// # Errors
/// 400 with oneself; 404 if the account does not exist; 409 after 1,000 blocks.
#[utoipa::path(
    post,
    path = "/api/v1/users/{id}/block",
    operation_id = "relay_block",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn block(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    _: Fields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let user = user_id(&id)?;
    if user == me.user.id {
        return Err(invalid("You cannot block yourself."));
    }
    server_channels::block(&app.ports, me.caller(), user).await?;
    Ok(AppJson(RelayMessage::new("The account is blocked.")))
}

/// `DELETE /api/v1/users/{id}/block`: Ends a block. It also succeeds if the account is not blocked.
///
/// # Errors
/// 404 if the id is not one.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{id}/block",
    operation_id = "relay_unblock",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn unblock(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<RelayMessage>, ApiError> {
    server_channels::unblock(&app.ports, me.caller(), user_id(&id)?).await?;
    Ok(AppJson(RelayMessage::new("The account is not blocked.")))
}

/// `GET /api/v1/users/blocked`: Returns the accounts that the caller blocked, the newest block
/// first.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/v1/users/blocked",
    operation_id = "relay_blocked",
    tag = "relay",
    responses((status = 200, body = Vec<BlockedResponse>)),
)]
pub async fn blocked(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<Vec<BlockedResponse>>, ApiError> {
    let found = server_channels::blocked(&app.ports, me.user.id).await?;
    Ok(AppJson(found.into_iter().map(Into::into).collect()))
}
