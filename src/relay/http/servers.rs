//! Servers.

use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::relay::domain::servers;
use crate::relay::http::RelayState;
use crate::relay::http::body::BodyFields;
use crate::relay::http::member::Member;
use crate::relay::http::objects::{RelayMessage, standard_base64};
use crate::relay::model::servers::{ServerId, ServerRecord};

/// The largest sealed metadata of a server or a channel in bytes.
pub(super) const MOST_META_BYTES: usize = 8 * 1024;

/// A server.
#[derive(Serialize, ToSchema)]
pub struct ServerResponse {
    /// The id.
    #[schema(format = "uuid")]
    id: String,
    /// The sealed metadata, base64.
    encrypted_meta: String,
    /// The account that owns the server.
    #[schema(format = "uuid")]
    owner_id: String,
    /// When the server was made.
    #[schema(format = "date-time")]
    created_at: String,
}

impl From<ServerRecord> for ServerResponse {
    fn from(server: ServerRecord) -> Self {
        Self {
            id: server.id.to_string(),
            encrypted_meta: standard_base64(&server.encrypted_meta),
            owner_id: server.owner.to_string(),
            created_at: server.created_at.to_string(),
        }
    }
}

/// Sealed metadata.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct MetaRequest {
    /// The sealed metadata: at most 8 KiB, base64.
    encrypted_meta: String,
}

/// Takes sealed metadata from a body. It may be empty.
pub(super) fn meta(body: &mut BodyFields) -> Result<String, ApiError> {
    Ok(body.bytes("encrypted_meta", 0, MOST_META_BYTES)?)
}

/// Reads the id of a server in a path.
pub(super) fn server_id(id: &str) -> Result<ServerId, ApiError> {
    ServerId::parse(id).ok_or_else(|| Code::ServerNotFound.into())
}

/// `POST /api/v1/servers`: Makes a server with a first channel of the type `text`, which has empty
/// metadata. The caller owns the server.
///
/// # Errors
/// 409 if the caller is in 100 servers.
#[utoipa::path(
    post,
    path = "/api/v1/servers",
    operation_id = "relay_create_server",
    tag = "relay",
    request_body = MetaRequest,
    responses((status = 200, body = ServerResponse)),
)]
pub async fn create(
    State(app): State<RelayState>,
    Member(me): Member,
    mut body: BodyFields,
) -> Result<AppJson<ServerResponse>, ApiError> {
    let meta = meta(&mut body)?;
    let made = servers::create(&app.ports, me.caller(), &meta).await?;
    Ok(AppJson(made.into()))
}

/// `GET /api/v1/servers`: Returns the servers of which the caller is a member, the newest first.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/v1/servers",
    operation_id = "relay_servers",
    tag = "relay",
    responses((status = 200, body = Vec<ServerResponse>)),
)]
pub async fn list(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<Vec<ServerResponse>>, ApiError> {
    let found = servers::of_user(&app.ports, me.user.id).await?;
    Ok(AppJson(found.into_iter().map(Into::into).collect()))
}

/// `GET /api/v1/servers/{id}`: Returns a server to its members.
///
/// # Errors
/// 404 if the server does not exist or the caller is not a member.
#[utoipa::path(
    get,
    path = "/api/v1/servers/{id}",
    operation_id = "relay_server",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = ServerResponse)),
)]
pub async fn get(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<ServerResponse>, ApiError> {
    let found = servers::get(&app.ports, me.user.id, server_id(&id)?).await?;
    Ok(AppJson(found.into()))
}

/// `PATCH /api/v1/servers/{id}`: Changes the metadata of a server. Only its owner may.
///
/// # Errors
/// 403 for other members.
#[utoipa::path(
    patch,
    path = "/api/v1/servers/{id}",
    operation_id = "relay_update_server",
    tag = "relay",
    params(("id" = String, Path)),
    request_body = MetaRequest,
    responses((status = 200, body = ServerResponse)),
)]
pub async fn update(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
    mut body: BodyFields,
) -> Result<AppJson<ServerResponse>, ApiError> {
    let server = server_id(&id)?;
    let meta = meta(&mut body)?;
    let updated = servers::update(&app.ports, me.caller(), server, &meta).await?;
    Ok(AppJson(updated.into()))
}

/// `DELETE /api/v1/servers/{id}`: Deletes a server with its channels and their messages. Only its
/// owner may.
///
/// # Errors
/// 403 for other members; 503 if a channel cannot be reached. The service then finishes the
/// deletion by itself.
#[utoipa::path(
    delete,
    path = "/api/v1/servers/{id}",
    operation_id = "relay_delete_server",
    tag = "relay",
    params(("id" = String, Path)),
    responses((status = 200, body = RelayMessage)),
)]
pub async fn delete(
    State(app): State<RelayState>,
    Member(me): Member,
    Path(id): Path<String>,
) -> Result<AppJson<RelayMessage>, ApiError> {
    servers::delete(&app.ports, me.caller(), server_id(&id)?).await?;
    Ok(AppJson(RelayMessage::new("The server is deleted.")))
}
