//! Permissions of roles and roles of services. Every request may be repeated.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::grants;
use crate::authorization::domain::grants::RolePermissionIds;
use crate::authorization::domain::{Actor, Direction};
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, IdOrNameField};
use crate::authorization::http::respond::StatusResponse;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;

/// A role and a permission.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = RolePermission)]
pub struct RolePermissionRequest {
    /// The id of the role, as a number or as text.
    role_id: IdOrNameField,
    /// The id of the permission, as a number or as text.
    permission_id: IdOrNameField,
}

impl RolePermissionRequest {
    fn ids(&self) -> Result<RolePermissionIds, ApiError> {
        Ok(RolePermissionIds {
            role: self.role_id.id(Code::InvalidRoleId)?,
            permission: self.permission_id.id(Code::InvalidPermissionId)?,
        })
    }
}

/// The response to the removal of a permission from a role.
#[derive(Serialize, ToSchema)]
#[schema(as = PermissionRemoved)]
pub struct PermissionRemovedResponse {
    /// The outcome: `permission_removed_from_role`.
    #[schema(example = "permission_removed_from_role")]
    status: &'static str,
    /// The id of the role.
    role_id: i64,
    /// The id of the permission.
    permission_id: i64,
}

/// `POST /role-permissions`: Adds a permission to a role.
///
/// # Errors
/// 403 without `auth.policy.write`, and without `auth.administer` for a role of the service `auth`;
/// 404.
#[utoipa::path(
    post,
    path = "/role-permissions",
    operation_id = "add_role_permission",
    tag = "authorization",
    request_body = RolePermissionRequest,
    responses((status = 200, body = StatusResponse))
)]
pub async fn add_role_permission(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<RolePermissionRequest>,
) -> Result<AppJson<StatusResponse>, ApiError> {
    let (actor, ids) = (Actor::Token(&token), body.ids()?);
    grants::role_permission(&app.ports, actor, Direction::Add, ids, &origin).await?;
    Ok(AppJson(StatusResponse::SUCCESS))
}

/// `DELETE /role-permissions`: Removes a permission from a role.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(
    delete,
    path = "/role-permissions",
    operation_id = "remove_role_permission",
    tag = "authorization",
    request_body = RolePermissionRequest,
    responses((status = 200, body = PermissionRemovedResponse))
)]
pub async fn remove_role_permission(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<RolePermissionRequest>,
) -> Result<AppJson<PermissionRemovedResponse>, ApiError> {
    let (actor, ids) = (Actor::Token(&token), body.ids()?);
    grants::role_permission(&app.ports, actor, Direction::Remove, ids, &origin).await?;
    Ok(AppJson(PermissionRemovedResponse {
        status: "permission_removed_from_role",
        role_id: ids.role,
        permission_id: ids.permission,
    }))
}

/// A service and a role.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = ServiceRole)]
pub struct ServiceRoleRequest {
    /// The id or the name of the service.
    service_id: IdOrNameField,
    /// The id of the role, as a number or as text.
    role_id: IdOrNameField,
}

/// The response to the removal of a role from a service.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceRoleRemoved)]
pub struct ServiceRoleRemovedResponse {
    /// The outcome: `role_removed_from_service`.
    #[schema(example = "role_removed_from_service")]
    status: &'static str,
    /// The id of the service.
    service_id: i64,
    /// The id of the role.
    role_id: i64,
}

/// `POST /service-roles`: Adds a role to a service, so that people can have the role there.
///
/// # Errors
/// 403 without `auth.policy.write`; 404.
#[utoipa::path(
    post,
    path = "/service-roles",
    operation_id = "add_service_role",
    tag = "authorization",
    request_body = ServiceRoleRequest,
    responses((status = 200, body = StatusResponse))
)]
pub async fn add_service_role(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceRoleRequest>,
) -> Result<AppJson<StatusResponse>, ApiError> {
    let service = body.service_id.service()?;
    let role = body.role_id.id(Code::InvalidRoleId)?;
    let (actor, direction) = (Actor::Token(&token), Direction::Add);
    grants::service_role(&app.ports, actor, direction, &service, role, &origin).await?;
    Ok(AppJson(StatusResponse::SUCCESS))
}

/// `DELETE /service-roles`: Removes a role from a service, together with the grants of the role
/// there.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(
    delete,
    path = "/service-roles",
    operation_id = "remove_service_role",
    tag = "authorization",
    request_body = ServiceRoleRequest,
    responses((status = 200, body = ServiceRoleRemovedResponse))
)]
pub async fn remove_service_role(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceRoleRequest>,
) -> Result<AppJson<ServiceRoleRemovedResponse>, ApiError> {
    let service = body.service_id.service()?;
    let role_id = body.role_id.id(Code::InvalidRoleId)?;
    let (actor, direction) = (Actor::Token(&token), Direction::Remove);
    let service_id =
        grants::service_role(&app.ports, actor, direction, &service, role_id, &origin).await?;
    Ok(AppJson(ServiceRoleRemovedResponse {
        status: "role_removed_from_service",
        service_id,
        role_id,
    }))
}
