//! Members of servers, and invites.

use std::time::Duration;

use axum::extract::{Path, State};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, parameter};
use crate::kernel::model::ids::UserId;
use crate::relay::domain::servers;
use crate::relay::http::RelayState;
use crate::relay::http::body::{Fields, invalid};
use crate::relay::http::member::Member;
use crate::relay::http::objects::RelayMessage;
use crate::relay::http::servers::{ServerResponse, server_id};
use crate::relay::model::servers::{
    InviteId, InviteRecord, ListPage, ListedAccount, MOST_MEMBERS, ServerRole,
};

/// The largest number of uses of an invite.
const MOST_USES: i64 = 1_000_000;
/// The longest life of an invite in hours: ten years.
const MOST_HOURS: i64 = 87_600;
/// The longest code of an invite in bytes.
const MOST_CODE_BYTES: usize = 64;

/// A member of a server.
#[derive(Serialize, ToSchema)]
pub struct ServerMemberResponse {
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
    /// When the account joined.
    #[schema(format = "date-time")]
    joined_at: String,
    /// Always null.
    #[schema(required)]
    nickname: Option<String>,
    /// Always empty.
    role_ids: Vec<String>,
    /// `owner`, `admin` or `member`.
    role: String,
}

impl From<ListedAccount> for ServerMemberResponse {
    fn from(member: ListedAccount) -> Self {
        Self {
            user_id: member.user.to_string(),
            username: member.username,
            display_name: member.display_name,
            avatar_url: None,
            joined_at: member.at.to_string(),
            nickname: None,
            role_ids: Vec::new(),
            role: member.role.unwrap_or_default(),
        }
    }
}

/// Reads an id of an account in a path.
pub(super) fn user_id(id: &str) -> Result<UserId, ApiError> {
    UserId::parse(id).ok_or_else(|| Code::UserNotFound.into())
}

/// Reads the parameter `limit`, a whole number from 1 to `most`.
pub(super) fn limit(uri: &Uri, most: i64) -> Result<i64, ApiError> {
    let Some(text) = parameter(uri, "limit") else {
        return Ok(most);
    };
    let number = text.parse().ok().filter(|it| (1..=most).contains(it));
    number.ok_or_else(|| {
        let detail = format!("limit must be a whole number from 1 to {most}.");
        ApiError::detailed(Code::InvalidQuery, detail)
    })
}

/// Reads the parameters `limit` and `after`. Without them the page has all members.
pub(super) fn page(uri: &Uri) -> Result<ListPage, ApiError> {
    let after = parameter(uri, "after")
        .map(|text| {
            UserId::parse(&text).ok_or_else(|| {
                ApiError::detailed(Code::InvalidQuery, "after must be the id of an account.")
            })
        })
        .transpose()?;
    Ok(ListPage {
        after,
        limit: limit(uri, MOST_MEMBERS)?,
    })
}

/// `GET /api/v1/servers/{id}/members`: Returns the members of a server by their ids.
///
/// With `limit` it returns a page, and with `after`, the last id of a page, the next one.
///
/// # Errors
/// 404 if the server does not exist or the caller is not a member.
#[utoipa::path(
    get,
    path = "/api/v1/servers/{id}/members",
    operation_id = "relay_server_members",
    tag = "relay",
    params(
        ("id" = String, Path),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 5000),
        ("after" = Option<String>, Query),
    ),
    responses((status = 200, body = Vec<ServerMemberResponse>)),
)]
pub async fn list(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<AppJson<Vec<ServerMemberResponse>>, ApiError> {
    let (server, page) = (server_id(&id)?, page(&uri)?);
    let found = servers::members(&app.ports, me.caller(), server, page).await?;
    Ok(AppJson(found.into_iter().map(Into::into).collect()))
}

/// A role.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct RoleRequest {
    /// `admin` or `member`.
    role: String,
}

/// `PUT /api/v1/servers/{id}/members/{user_id}`: Sets the role of another member. Only the owner of
/// the server may.
///
/// # Errors
/// 403 for other members; 409 for the owner's own role.
#[utoipa::path(
    put,
    path = "/api/v1/servers/{id}/members/{user_id}",
    operation_id = "relay_set_role",
    tag = "relay",
    params(("id" = String, Path), ("user_id" = String, Path)),
    request_body = RoleRequest,
    responses((status = 200, body = RelayMessage)),
)]
pub async fn set_role(
    State(app): State<RelayState>,
    Member(me): Member,
    Path((id, user)): Path<(String, String)>,
    mut body: Fields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let server = server_id(&id)?;
    let user = UserId::parse(&user).ok_or(Code::MemberNotFound)?;
    let role = ServerRole::parse(&body.text("role")?)
        .filter(|role| *role < ServerRole::Owner)
        .ok_or_else(|| invalid("role must be `admin` or `member`."))?;
    servers::set_role(&app.ports, me.caller(), server, user, role).await?;
    Ok(AppJson(RelayMessage::new("The role is set.")))
}

/// `DELETE /api/v1/servers/{id}/members/{user_id}`: Removes a member from a server and its
/// channels.
///
/// The owner removes every other member, and an administrator removes members without a role. The
/// member comes back only by an invite that is made later. With the caller's own id the caller
/// leaves.
///
/// # Errors
/// 403 if the role of the caller is too low; 503 if a channel cannot be reached. The service then
/// finishes the removal by itself.
#[utoipa::path(
    delete,
    path = "/api/v1/servers/{id}/members/{user_id}",
    operation_id = "relay_remove_member",
    tag = "relay",
    params(("id" = String, Path), ("user_id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn kick(
    State(app): State<RelayState>,
    Member(me): Member,
    Path((id, user)): Path<(String, String)>,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let server = server_id(&id)?;
    let user = UserId::parse(&user).ok_or(Code::MemberNotFound)?;
    if user == me.user.id {
        servers::leave(&app.ports, me.caller(), server).await?;
        return Ok(AppJson(RelayMessage::new("You left the server.")));
    }
    servers::kick(&app.ports, me.caller(), server, user).await?;
    Ok(AppJson(RelayMessage::new("The member is removed.")))
}

/// `DELETE /api/v1/servers/{id}/members/@me`: Removes the caller from a server and its channels.
///
/// # Errors
/// 409 if the caller owns the server; 503 if a channel cannot be reached. The service then finishes
/// the removal by itself.
#[utoipa::path(
    delete,
    path = "/api/v1/servers/{id}/members/@me",
    operation_id = "relay_leave_server",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn leave(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<RelayMessage>, ApiError> {
    servers::leave(&app.ports, me.caller(), server_id(&id)?).await?;
    Ok(AppJson(RelayMessage::new("You left the server.")))
}

/// The limits of an invite.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct InviteRequest {
    /// The largest number of uses: 1 to 1,000,000. Unlimited if it is missing.
    max_uses: Option<i64>,
    /// The life in hours: 1 to 87,600. Unlimited if it is missing.
    expires_in_hours: Option<i64>,
}

/// An invite.
#[derive(Serialize, ToSchema)]
pub struct InviteResponse {
    /// The id.
    #[schema(format = "uuid")]
    id: String,
    /// The code with which an account joins.
    code: String,
    /// The server.
    #[schema(format = "uuid")]
    server_id: String,
    /// The largest number of uses.
    #[schema(required)]
    max_uses: Option<i64>,
    /// The number of uses.
    use_count: i64,
    /// When the invite ends.
    #[schema(required, format = "date-time")]
    expires_at: Option<String>,
    /// When the invite was made.
    #[schema(format = "date-time")]
    created_at: String,
}

impl From<InviteRecord> for InviteResponse {
    fn from(invite: InviteRecord) -> Self {
        Self {
            id: invite.id.to_string(),
            code: invite.code,
            server_id: invite.server.to_string(),
            max_uses: invite.max_uses,
            use_count: invite.use_count,
            expires_at: invite.expires_at.map(|at| at.to_string()),
            created_at: invite.created_at.to_string(),
        }
    }
}

/// `POST /api/v1/servers/{id}/invites`: Makes an invite. The owner and administrators may.
///
/// # Errors
/// 403 for other members; 409 if the server has 100 invites.
#[utoipa::path(
    post,
    path = "/api/v1/servers/{id}/invites",
    operation_id = "relay_create_invite",
    tag = "relay",
    params(("id" = String, Path)),
    request_body = InviteRequest,
    responses((status = 200, body = InviteResponse)),
)]
pub async fn invite(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    mut body: Fields,
) -> Result<AppJson<InviteResponse>, ApiError> {
    let server = server_id(&id)?;
    let max_uses = body.optional_number("max_uses", 1, MOST_USES)?;
    let hours = body.optional_number("expires_in_hours", 1, MOST_HOURS)?;
    let expires_at = hours.map(|hours| {
        me.now.plus(Duration::from_hours(
            u64::try_from(hours).unwrap_or_default(),
        ))
    });
    let made = servers::invite(&app.ports, me.caller(), server, max_uses, expires_at).await?;
    Ok(AppJson(made.into()))
}

/// `GET /api/v1/servers/{id}/invites`: Returns the invites of a server, the newest first, to the
/// owner and administrators.
///
/// # Errors
/// 403 for other members.
#[utoipa::path(
    get,
    path = "/api/v1/servers/{id}/invites",
    operation_id = "relay_invites",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = Vec<InviteResponse>)),
)]
pub async fn invites(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<Vec<InviteResponse>>, ApiError> {
    let found = servers::invites(&app.ports, me.caller(), server_id(&id)?).await?;
    Ok(AppJson(found.into_iter().map(Into::into).collect()))
}

/// `DELETE /api/v1/servers/{id}/invites/{invite_id}`: Deletes an invite. The owner and
/// administrators may.
///
/// # Errors
/// 403 for other members; 404 if the server has no such invite.
#[utoipa::path(
    delete,
    path = "/api/v1/servers/{id}/invites/{invite_id}",
    operation_id = "relay_delete_invite",
    tag = "relay",
    params(("id" = String, Path), ("invite_id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn remove_invite(
    State(app): State<RelayState>,
    Member(me): Member,
    Path((id, invite)): Path<(String, String)>,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let server = server_id(&id)?;
    let invite = InviteId::parse(&invite).ok_or(Code::InviteNotFound)?;
    servers::remove_invite(&app.ports, me.caller(), server, invite).await?;
    Ok(AppJson(RelayMessage::new("The invite is deleted.")))
}

/// `POST /api/v1/invites/{code}/join`: Joins the server of an invite, with all of its channels. A
/// member gets the server without a use of the invite.
///
/// # Errors
/// 404 if the invite does not exist, has expired or is used up, or the caller was removed from the
/// server after it was made; 409 if the server has 5,000 members or the caller is in 100 servers.
#[utoipa::path(
    post,
    path = "/api/v1/invites/{code}/join",
    operation_id = "relay_join_server",
    tag = "relay",
    params(("code" = String, Path)),
    responses((status = 200, body = ServerResponse)),
)]
pub async fn join(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(code): Path<String>,
    _: Fields,
) -> Result<AppJson<ServerResponse>, ApiError> {
    if code.len() > MOST_CODE_BYTES {
        return Err(Code::InviteNotFound.into());
    }
    let joined = servers::join(&app.ports, me.caller(), &code).await?;
    Ok(AppJson(joined.into()))
}
