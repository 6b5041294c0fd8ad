//! Channels of servers.

use axum::extract::{Path, State};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::relay::domain::server_channels;
use crate::relay::domain::server_channels::WantedChannel;
use crate::relay::http::RelayState;
use crate::relay::http::body::{Fields, invalid};
use crate::relay::http::member::Member;
use crate::relay::http::objects::{RelayMessage, standard_base64};
use crate::relay::http::server_members::page;
use crate::relay::http::servers::{MetaRequest, meta, server_id};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{ChannelRecord, ListedAccount};

/// The longest type of a channel in characters.
const MOST_TYPE_CHARS: usize = 32;
/// The largest position of a channel.
const MOST_POSITION: i64 = 1_000_000;

/// A channel of a server, or a direct message.
#[derive(Serialize, ToSchema)]
pub struct ChannelResponse {
    /// The id.
    #[schema(format = "uuid")]
    id: String,
    /// The server. Null for a direct message.
    #[schema(required, format = "uuid")]
    server_id: Option<String>,
    /// The sealed metadata, base64.
    encrypted_meta: String,
    /// The kind, such as `text`. `dm` for a direct message.
    channel_type: String,
    /// The place among the channels of the server.
    position: i64,
    /// When the channel was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// Always null.
    #[schema(required)]
    category_id: Option<String>,
}

impl From<ChannelRecord> for ChannelResponse {
    fn from(channel: ChannelRecord) -> Self {
        Self {
            id: channel.id.to_string(),
            server_id: channel.server.map(|id| id.to_string()),
            encrypted_meta: standard_base64(&channel.encrypted_meta),
            channel_type: channel.channel_type,
            position: channel.position,
            created_at: channel.created_at.to_string(),
            category_id: None,
        }
    }
}

/// Reads the id of a channel in a path.
pub(super) fn channel_id(id: &str) -> Result<ChannelId, ApiError> {
    ChannelId::parse(id).ok_or_else(|| Code::ChannelNotFound.into())
}

/// A channel to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct ChannelRequestBody {
    /// The sealed metadata: at most 8 KiB, base64.
    encrypted_meta: String,
    /// The kind: 1 to 32 of the characters a-z, 0-9, dash and underscore, but not `dm`. `text` if
    /// it is missing.
    channel_type: Option<String>,
    /// The place among the channels of the server: 0 to 1,000,000. The last one if it is missing.
    position: Option<i64>,
}

/// Returns true if a server may have channels of this type.
fn is_type(text: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    };
    (1..=MOST_TYPE_CHARS).contains(&text.len()) && text.bytes().all(allowed) && text != "dm"
}

/// `POST /api/v1/servers/{id}/channels`: Makes a channel. The owner and administrators may. All
/// members of the server are in it.
///
/// # Errors
/// 403 for other members; 409 if the server has 200 channels.
#[utoipa::path(
    post,
    path = "/api/v1/servers/{id}/channels",
    operation_id = "relay_create_channel",
    tag = "relay",
    params(("id" = String, Path)),
    request_body = ChannelRequestBody,
    responses((status = 200, body = ChannelResponse)),
)]
pub async fn create(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    mut body: Fields,
) -> Result<AppJson<ChannelResponse>, ApiError> {
    let server = server_id(&id)?;
    let meta = meta(&mut body)?;
    let channel_type = body.optional_text("channel_type")?;
    let channel_type = channel_type.as_deref().unwrap_or("text");
    if !is_type(channel_type) {
        return Err(invalid(
            "channel_type must be 1 to 32 of the characters a-z, 0-9, dash and underscore, and not \
             dm.",
        ));
    }
    let wanted = WantedChannel {
        meta: &meta,
        channel_type,
        position: body.optional_number("position", 0, MOST_POSITION)?,
    };
    let made = server_channels::create(&app.ports, me.caller(), server, wanted).await?;
    Ok(AppJson(made.into()))
}

/// `GET /api/v1/servers/{id}/channels`: Returns the channels of a server by their position, to its
/// members.
///
/// # Errors
/// 404 if the server does not exist or the caller is not a member.
#[utoipa::path(
    get,
    path = "/api/v1/servers/{id}/channels",
    operation_id = "relay_channels",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = Vec<ChannelResponse>)),
)]
pub async fn list(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<Vec<ChannelResponse>>, ApiError> {
    let server = server_id(&id)?;
    let found = server_channels::of_server(&app.ports, me.caller(), server).await?;
    Ok(AppJson(found.into_iter().map(Into::into).collect()))
}

/// `PUT /api/v1/channels/{id}`: Changes the metadata of a channel. The owner and administrators of
/// its server may.
///
/// # Errors
/// 403 for other members; 409 for a direct message.
#[utoipa::path(
    put,
    path = "/api/v1/channels/{id}",
    operation_id = "relay_update_channel",
    tag = "relay",
    params(("id" = String, Path)),
    request_body = MetaRequest,
    responses((status = 200, body = ChannelResponse)),
)]
pub async fn update(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    mut body: Fields,
) -> Result<AppJson<ChannelResponse>, ApiError> {
    let channel = channel_id(&id)?;
    let meta = meta(&mut body)?;
    let updated = server_channels::update(&app.ports, me.caller(), channel, &meta).await?;
    Ok(AppJson(updated.into()))
}

/// `DELETE /api/v1/channels/{id}`: Deletes a channel with its messages. The owner and
/// administrators of its server may.
///
/// # Errors
/// 403 for other members; 409 for a direct message; 503 if the channel cannot be reached. The
/// service then finishes the deletion by itself.
#[utoipa::path(
    delete,
    path = "/api/v1/channels/{id}",
    operation_id = "relay_delete_channel",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn delete(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<RelayMessage>, ApiError> {
    server_channels::delete(&app.ports, me.caller(), channel_id(&id)?).await?;
    Ok(AppJson(RelayMessage::new("The channel is deleted.")))
}

/// `POST /api/v1/channels/{id}/join`: Lets a member of a server into one of its channels. A member
/// who is in it stays in it.
///
/// # Errors
/// 404 if the channel does not exist, the caller is not a member of its server, or it is a direct
/// message.
#[utoipa::path(
    post,
    path = "/api/v1/channels/{id}/join",
    operation_id = "relay_join_channel",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn join(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    _: Fields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    server_channels::join(&app.ports, me.caller(), channel_id(&id)?).await?;
    Ok(AppJson(RelayMessage::new("You are in the channel.")))
}

/// `DELETE /api/v1/channels/{id}/leave`: Removes the caller from a channel of a server. The caller
/// can join it again.
///
/// # Errors
/// 409 for a direct message; 503 if the channel cannot be reached. The service then finishes the
/// removal by itself.
#[utoipa::path(
    delete,
    path = "/api/v1/channels/{id}/leave",
    operation_id = "relay_leave_channel",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn leave(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<RelayMessage>, ApiError> {
    server_channels::leave(&app.ports, me.caller(), channel_id(&id)?).await?;
    Ok(AppJson(RelayMessage::new("You left the channel.")))
}

/// A member of a channel.
#[derive(Serialize, ToSchema)]
pub struct ChannelMemberResponse {
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
    /// When the account joined the channel.
    #[schema(format = "date-time")]
    joined_at: String,
}

impl From<ListedAccount> for ChannelMemberResponse {
    fn from(member: ListedAccount) -> Self {
        Self {
            user_id: member.user.to_string(),
            username: member.username,
            display_name: member.display_name,
            avatar_url: None,
            joined_at: member.at.to_string(),
        }
    }
}

/// `GET /api/v1/channels/{id}/members`: Returns the members of a channel by their ids, to its
/// members.
///
/// With `limit` it returns a page, and with `after`, the last id of a page, the next one.
///
/// # Errors
/// 404 if the channel does not exist or the caller is not a member.
#[utoipa::path(
    get,
    path = "/api/v1/channels/{id}/members",
    operation_id = "relay_channel_members",
    tag = "relay",
    params(
        ("id" = String, Path),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 5000),
        ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Vec<ChannelMemberResponse>)),
)]
pub async fn members(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<AppJson<Vec<ChannelMemberResponse>>, ApiError> {
    let (channel, page) = (channel_id(&id)?, page(&uri)?);
    let found = server_channels::members(&app.ports, me.caller(), channel, page).await?;
    Ok(AppJson(found.into_iter().map(Into::into).collect()))
}
