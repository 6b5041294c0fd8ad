//! Permissions.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authorization::domain::{Actor, permissions};
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, Forced, PermissionIdInPath, new_name};
use crate::authorization::http::named::NameRequest;
use crate::authorization::http::page::PageQuery;
use crate::authorization::http::respond::{CreatedResponse, NamedAnswer, StatusResponse};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// `GET /permissions`: Returns a page of the permissions, by id.
///
/// # Errors
/// 403 without `auth.policy.read`.
#[utoipa::path(
    get,
    path = "/permissions",
    operation_id = "list_permissions",
    tag = "authorization",
    params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)),
    responses((status = 200, body = Vec<NamedAnswer>))
)]
pub async fn list(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let permissions = permissions::list(&app.ports, &token, query.page()).await?;
    Ok(query.respond(permissions, |permission| permission.id, NamedAnswer::from))
}

/// `POST /permissions`: Creates a permission.
///
/// # Errors
/// 403 without `auth.policy.write`; 409 if a permission with the name exists.
#[utoipa::path(
    post,
    path = "/permissions",
    operation_id = "create_permission",
    tag = "authorization",
    request_body = NameRequest,
    responses((status = 201, body = NamedAnswer))
)]
pub async fn create(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<NameRequest>,
) -> Result<CreatedResponse<NamedAnswer>, ApiError> {
    let name = new_name(&body.name)?;
    let id = permissions::create(&app.ports, Actor::Token(&token), &name, &origin).await?;
    Ok(CreatedResponse(NamedAnswer { id, name }))
}

/// `PUT /permissions/{id}`: Renames a permission.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 if a permission with the name exists.
#[utoipa::path(
    put,
    path = "/permissions/{id}",
    operation_id = "rename_permission",
    tag = "authorization",
    params(("id" = i64, Path)),
    request_body = NameRequest,
    responses((status = 200, body = StatusResponse))
)]
pub async fn rename(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    PermissionIdInPath(id): PermissionIdInPath,
    origin: RequestOrigin,
    AppJson(body): AppJson<NameRequest>,
) -> Result<AppJson<StatusResponse>, ApiError> {
    let name = new_name(&body.name)?;
    permissions::rename(&app.ports, Actor::Token(&token), id, &name, &origin).await?;
    Ok(AppJson(StatusResponse::SUCCESS))
}

/// The response to the deletion of a permission.
#[derive(Serialize, ToSchema)]
#[schema(as = PermissionDeleted)]
pub struct PermissionDeletedResponse {
    /// The outcome: `permission_deleted`.
    #[schema(example = "permission_deleted")]
    status: &'static str,
    /// The id of the permission.
    permission_id: i64,
}

/// `DELETE /permissions/{id}`: Deletes a permission. With `force=true`, also a permission that
/// roles or people have.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 `permission_in_use` with `used_by`.
#[utoipa::path(
    delete,
    path = "/permissions/{id}",
    operation_id = "delete_permission",
    tag = "authorization",
    params(("id" = i64, Path), ("force" = Option<bool>, Query)),
    responses((status = 200, body = PermissionDeletedResponse))
)]
pub async fn delete(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    PermissionIdInPath(permission_id): PermissionIdInPath,
    Forced(force): Forced,
    origin: RequestOrigin,
) -> Result<AppJson<PermissionDeletedResponse>, ApiError> {
    permissions::delete(
        &app.ports,
        Actor::Token(&token),
        permission_id,
        force,
        &origin,
    )
    .await?;
    Ok(AppJson(PermissionDeletedResponse {
        status: "permission_deleted",
        permission_id,
    }))
}
