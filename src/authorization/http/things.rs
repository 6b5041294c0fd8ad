//! Roles and permissions.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::things;
use crate::authorization::domain::things::Which;
use crate::authorization::domain::{Actor, grants};
use crate::authorization::http::App;
use crate::authorization::http::{
    Created, Forced, NamedAnswer, Paged, PermissionNumber, RoleNumber, Status, Token, name_in,
};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// A name.
#[derive(Deserialize, ToSchema)]
pub struct NameRequest {
    /// 1 to 64 printable characters, unique among its kind; case counts.
    #[schema(example = "Auditor")]
    name: String,
}

/// `GET /roles`: a page of all roles, by id.
///
/// # Errors
/// 403 without `auth.policy.read`.
#[utoipa::path(get, path = "/roles", operation_id = "list_roles", tag = "authorization", params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<NamedAnswer>)))]
pub async fn list_roles(
    State(app): State<App>,
    Token(token): Token,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = things::list(&app.ports, &token, Which::Role, paged.page()).await?;
    Ok(paged.answer(list, |role| role.id, NamedAnswer::from))
}

/// `GET /permissions`: a page of all permissions, by id.
///
/// # Errors
/// 403 without `auth.policy.read`.
#[utoipa::path(get, path = "/permissions", operation_id = "list_permissions", tag = "authorization", params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<NamedAnswer>)))]
pub async fn list_permissions(
    State(app): State<App>,
    Token(token): Token,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = things::list(&app.ports, &token, Which::Permission, paged.page()).await?;
    Ok(paged.answer(list, |permission| permission.id, NamedAnswer::from))
}

/// `GET /roles/{id}`: one of them.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/roles/{id}", operation_id = "get_role", tag = "authorization", params(("id" = i64, Path)), responses((status = 200, body = NamedAnswer)))]
pub async fn one_role(
    State(app): State<App>,
    Token(token): Token,
    RoleNumber(id): RoleNumber,
) -> Result<AppJson<NamedAnswer>, ApiError> {
    Ok(AppJson(
        things::one(&app.ports, &token, Which::Role, id)
            .await?
            .into(),
    ))
}

async fn created(
    app: &App,
    token: &Token,
    which: Which,
    body: &NameRequest,
    origin: &RequestOrigin,
) -> Result<Created<NamedAnswer>, ApiError> {
    let name = name_in(&body.name)?;
    let id = things::create(&app.ports, Actor::Token(&token.0), which, &name, origin).await?;
    Ok(Created(NamedAnswer { id, name }))
}

/// `POST /roles`: makes a role.
///
/// # Errors
/// 403 without `auth.policy.write`; 409 for a name that there is.
#[utoipa::path(post, path = "/roles", operation_id = "create_role", tag = "authorization", request_body = NameRequest, responses((status = 201, body = NamedAnswer)))]
pub async fn create_role(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<NameRequest>,
) -> Result<Created<NamedAnswer>, ApiError> {
    created(&app, &token, Which::Role, &body, &origin).await
}

/// `POST /permissions`: makes a permission.
///
/// # Errors
/// 403 without `auth.policy.write`; 409 for a name that there is.
#[utoipa::path(post, path = "/permissions", operation_id = "create_permission", tag = "authorization", request_body = NameRequest, responses((status = 201, body = NamedAnswer)))]
pub async fn create_permission(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<NameRequest>,
) -> Result<Created<NamedAnswer>, ApiError> {
    created(&app, &token, Which::Permission, &body, &origin).await
}

/// `PUT /roles/{id}`: gives a role another name.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409.
#[utoipa::path(put, path = "/roles/{id}", operation_id = "rename_role", tag = "authorization", params(("id" = i64, Path)), request_body = NameRequest, responses((status = 200, body = Status)))]
pub async fn rename_role(
    State(app): State<App>,
    Token(token): Token,
    RoleNumber(id): RoleNumber,
    origin: RequestOrigin,
    AppJson(body): AppJson<NameRequest>,
) -> Result<AppJson<Status>, ApiError> {
    things::rename(
        &app.ports,
        Actor::Token(&token),
        Which::Role,
        id,
        &name_in(&body.name)?,
        &origin,
    )
    .await?;
    Ok(AppJson(Status::SUCCESS))
}

/// `PUT /permissions/{id}`: gives a permission another name.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409.
#[utoipa::path(put, path = "/permissions/{id}", operation_id = "rename_permission", tag = "authorization", params(("id" = i64, Path)), request_body = NameRequest, responses((status = 200, body = Status)))]
pub async fn rename_permission(
    State(app): State<App>,
    Token(token): Token,
    PermissionNumber(id): PermissionNumber,
    origin: RequestOrigin,
    AppJson(body): AppJson<NameRequest>,
) -> Result<AppJson<Status>, ApiError> {
    things::rename(
        &app.ports,
        Actor::Token(&token),
        Which::Permission,
        id,
        &name_in(&body.name)?,
        &origin,
    )
    .await?;
    Ok(AppJson(Status::SUCCESS))
}

/// That a role is gone.
#[derive(Serialize, ToSchema)]
pub struct RoleDeleted {
    /// `role_deleted`
    #[schema(example = "role_deleted")]
    status: &'static str,
    /// Which one.
    role_id: i64,
}

/// `DELETE /roles/{id}`: deletes a role; with `force=true` also one that services have, and with it
/// what people have by it.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 `role_in_use` with `used_by`.
#[utoipa::path(delete, path = "/roles/{id}", operation_id = "delete_role", tag = "authorization", params(("id" = i64, Path), ("force" = Option<bool>, Query)), responses((status = 200, body = RoleDeleted)))]
pub async fn delete_role(
    State(app): State<App>,
    Token(token): Token,
    RoleNumber(role_id): RoleNumber,
    Forced(force): Forced,
    origin: RequestOrigin,
) -> Result<AppJson<RoleDeleted>, ApiError> {
    things::delete(
        &app.ports,
        Actor::Token(&token),
        Which::Role,
        role_id,
        force,
        &origin,
    )
    .await?;
    Ok(AppJson(RoleDeleted {
        status: "role_deleted",
        role_id,
    }))
}

/// That a permission is gone.
#[derive(Serialize, ToSchema)]
pub struct PermissionDeleted {
    /// `permission_deleted`
    #[schema(example = "permission_deleted")]
    status: &'static str,
    /// Which one.
    permission_id: i64,
}

/// `DELETE /permissions/{id}`: deletes a permission; with `force=true` also one that roles or
/// people have.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 `permission_in_use` with `used_by`.
#[utoipa::path(delete, path = "/permissions/{id}", operation_id = "delete_permission", tag = "authorization", params(("id" = i64, Path), ("force" = Option<bool>, Query)), responses((status = 200, body = PermissionDeleted)))]
pub async fn delete_permission(
    State(app): State<App>,
    Token(token): Token,
    PermissionNumber(permission_id): PermissionNumber,
    Forced(force): Forced,
    origin: RequestOrigin,
) -> Result<AppJson<PermissionDeleted>, ApiError> {
    things::delete(
        &app.ports,
        Actor::Token(&token),
        Which::Permission,
        permission_id,
        force,
        &origin,
    )
    .await?;
    Ok(AppJson(PermissionDeleted {
        status: "permission_deleted",
        permission_id,
    }))
}

/// `GET /roles/{id}/permissions`: a page of a role's permissions.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/roles/{id}/permissions", operation_id = "list_role_permissions", tag = "authorization", params(("id" = i64, Path), ("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<NamedAnswer>)))]
pub async fn permissions_of(
    State(app): State<App>,
    Token(token): Token,
    RoleNumber(id): RoleNumber,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = grants::permissions_of_role(&app.ports, &token, id, paged.page()).await?;
    Ok(paged.answer(list, |permission| permission.id, NamedAnswer::from))
}
