//! Roles.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authorization::domain::{Actor, grants, roles};
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, Forced, RoleIdInPath, new_name};
use crate::authorization::http::named::NameRequest;
use crate::authorization::http::page::PageQuery;
use crate::authorization::http::respond::{CreatedResponse, NamedAnswer, StatusResponse};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// `GET /roles`: Returns a page of the roles, by id.
///
/// # Errors
/// 403 without `auth.policy.read`.
#[utoipa::path(
    get,
    path = "/roles",
    operation_id = "list_roles",
    tag = "authorization",
    params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)),
    responses((status = 200, body = Vec<NamedAnswer>))
)]
pub async fn list(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let roles = roles::list(&app.ports, &token, query.page()).await?;
    Ok(query.respond(roles, |role| role.id, NamedAnswer::from))
}

/// `GET /roles/{id}`: Returns a role.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/roles/{id}",
    operation_id = "get_role",
    tag = "authorization",
    params(("id" = i64, Path)),
    responses((status = 200, body = NamedAnswer))
)]
pub async fn one(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    RoleIdInPath(id): RoleIdInPath,
) -> Result<AppJson<NamedAnswer>, ApiError> {
    Ok(AppJson(roles::get(&app.ports, &token, id).await?.into()))
}

/// `POST /roles`: Creates a role.
///
/// # Errors
/// 403 without `auth.policy.write`; 409 if a role with the name exists.
#[utoipa::path(
    post,
    path = "/roles",
    operation_id = "create_role",
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
    let id = roles::create(&app.ports, Actor::Token(&token), &name, &origin).await?;
    Ok(CreatedResponse(NamedAnswer { id, name }))
}

/// `PUT /roles/{id}`: Renames a role.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 if a role with the name exists.
#[utoipa::path(
    put,
    path = "/roles/{id}",
    operation_id = "rename_role",
    tag = "authorization",
    params(("id" = i64, Path)),
    request_body = NameRequest,
    responses((status = 200, body = StatusResponse))
)]
pub async fn rename(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    RoleIdInPath(id): RoleIdInPath,
    origin: RequestOrigin,
    AppJson(body): AppJson<NameRequest>,
) -> Result<AppJson<StatusResponse>, ApiError> {
    let name = new_name(&body.name)?;
    roles::rename(&app.ports, Actor::Token(&token), id, &name, &origin).await?;
    Ok(AppJson(StatusResponse::SUCCESS))
}

/// The response to the deletion of a role.
#[derive(Serialize, ToSchema)]
#[schema(as = RoleDeleted)]
pub struct RoleDeletedResponse {
    /// The outcome: `role_deleted`.
    #[schema(example = "role_deleted")]
    status: &'static str,
    /// The id of the role.
    role_id: i64,
}

/// `DELETE /roles/{id}`: Deletes a role. With `force=true`, also a role that services have,
/// together with the grants of the role.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 `role_in_use` with `used_by`.
#[utoipa::path(
    delete,
    path = "/roles/{id}",
    operation_id = "delete_role",
    tag = "authorization",
    params(("id" = i64, Path), ("force" = Option<bool>, Query)),
    responses((status = 200, body = RoleDeletedResponse))
)]
pub async fn delete(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    RoleIdInPath(role_id): RoleIdInPath,
    Forced(force): Forced,
    origin: RequestOrigin,
) -> Result<AppJson<RoleDeletedResponse>, ApiError> {
    roles::delete(&app.ports, Actor::Token(&token), role_id, force, &origin).await?;
    Ok(AppJson(RoleDeletedResponse {
        status: "role_deleted",
        role_id,
    }))
}

/// `GET /roles/{id}/permissions`: Returns a page of the permissions of a role.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/roles/{id}/permissions",
    operation_id = "list_role_permissions",
    tag = "authorization",
    params(
        ("id" = i64, Path),
        ("limit" = Option<i64>, Query),
        ("after" = Option<i64>, Query)
    ),
    responses((status = 200, body = Vec<NamedAnswer>))
)]
pub async fn permissions_of(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    RoleIdInPath(id): RoleIdInPath,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let permissions = grants::permissions_of_role(&app.ports, &token, id, query.page()).await?;
    Ok(query.respond(permissions, |permission| permission.id, NamedAnswer::from))
}
