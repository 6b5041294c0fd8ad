//! What relates things: permissions of roles, roles of services, roles and permissions of people in
//! services. All of it is safe to repeat.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::Actor;
use crate::authorization::domain::grants;
use crate::authorization::domain::grants::{Direction, Granted};
use crate::authorization::http::App;
use crate::authorization::http::{NumberOrName, Status, Token, bad};
use crate::authorization::model::names as words;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::time::Timestamp;

/// A role and a permission.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct RolePermission {
    /// The role's id, as a number or as text.
    role_id: NumberOrName,
    /// The permission's id, as a number or as text.
    permission_id: NumberOrName,
}

/// That a permission was taken from a role.
#[derive(Serialize, ToSchema)]
pub struct PermissionRemoved {
    /// `permission_removed_from_role`
    #[schema(example = "permission_removed_from_role")]
    status: &'static str,
    /// The role.
    role_id: i64,
    /// The permission.
    permission_id: i64,
}

async fn role_permission(
    app: &App,
    token: &Token,
    direction: Direction,
    body: &RolePermission,
    origin: &RequestOrigin,
) -> Result<(i64, i64), ApiError> {
    let (role, permission) = (
        body.role_id.id(Code::InvalidRoleId)?,
        body.permission_id.id(Code::InvalidPermissionId)?,
    );
    grants::role_permission(
        &app.ports,
        Actor::Token(&token.0),
        (direction, role, permission),
        origin,
    )
    .await?;
    Ok((role, permission))
}

/// `POST /role-permissions`: gives a role a permission.
///
/// # Errors
/// 403 without `auth.policy.write`, and without `auth.administer` for roles of the service itself;
/// 404.
#[utoipa::path(post, path = "/role-permissions", operation_id = "add_role_permission", tag = "authorization", request_body = RolePermission, responses((status = 200, body = Status)))]
pub async fn add_role_permission(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<RolePermission>,
) -> Result<AppJson<Status>, ApiError> {
    role_permission(&app, &token, Direction::Make, &body, &origin).await?;
    Ok(AppJson(Status::SUCCESS))
}

/// `DELETE /role-permissions`: takes a permission from a role.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(delete, path = "/role-permissions", operation_id = "remove_role_permission", tag = "authorization", request_body = RolePermission, responses((status = 200, body = PermissionRemoved)))]
pub async fn remove_role_permission(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<RolePermission>,
) -> Result<AppJson<PermissionRemoved>, ApiError> {
    let (role_id, permission_id) =
        role_permission(&app, &token, Direction::Undo, &body, &origin).await?;
    Ok(AppJson(PermissionRemoved {
        status: "permission_removed_from_role",
        role_id,
        permission_id,
    }))
}

/// A service and a role.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct ServiceRole {
    /// The service, by number or name.
    service_id: NumberOrName,
    /// The role's id, as a number or as text.
    role_id: NumberOrName,
}

/// That a role was taken from a service.
#[derive(Serialize, ToSchema)]
pub struct ServiceRoleRemoved {
    /// `role_removed_from_service`
    #[schema(example = "role_removed_from_service")]
    status: &'static str,
    /// The service.
    service_id: i64,
    /// The role.
    role_id: i64,
}

async fn service_role(
    app: &App,
    token: &Token,
    direction: Direction,
    body: &ServiceRole,
    origin: &RequestOrigin,
) -> Result<(i64, i64), ApiError> {
    let (service, role) = (
        body.service_id.service()?,
        body.role_id.id(Code::InvalidRoleId)?,
    );
    let service = grants::service_role(
        &app.ports,
        Actor::Token(&token.0),
        (direction, &service, role),
        origin,
    )
    .await?;
    Ok((service, role))
}

/// `POST /service-roles`: gives a service a role, so that people can have it there.
///
/// # Errors
/// 403 without `auth.policy.write`; 404.
#[utoipa::path(post, path = "/service-roles", operation_id = "add_service_role", tag = "authorization", request_body = ServiceRole, responses((status = 200, body = Status)))]
pub async fn add_service_role(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceRole>,
) -> Result<AppJson<Status>, ApiError> {
    service_role(&app, &token, Direction::Make, &body, &origin).await?;
    Ok(AppJson(Status::SUCCESS))
}

/// `DELETE /service-roles`: takes a role from a service; whoever has it there loses it.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(delete, path = "/service-roles", operation_id = "remove_service_role", tag = "authorization", request_body = ServiceRole, responses((status = 200, body = ServiceRoleRemoved)))]
pub async fn remove_service_role(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceRole>,
) -> Result<AppJson<ServiceRoleRemoved>, ApiError> {
    let (service_id, role_id) = service_role(&app, &token, Direction::Undo, &body, &origin).await?;
    Ok(AppJson(ServiceRoleRemoved {
        status: "role_removed_from_service",
        service_id,
        role_id,
    }))
}

/// A person, a service and a role.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct PersonServiceRole {
    /// The person, by number or username.
    person_id: NumberOrName,
    /// The service, by number or name.
    service_id: NumberOrName,
    /// The role's id, as a number or as text.
    role_id: NumberOrName,
    /// When it ends, in seconds since 1970; if missing: never.
    #[serde(default)]
    expires_at: Option<i64>,
}

/// That somebody lost a role.
#[derive(Serialize, ToSchema)]
pub struct PersonRoleRemoved {
    /// `role_removed_from_person`
    #[schema(example = "role_removed_from_person")]
    status: &'static str,
    /// Who.
    person_id: i64,
    /// Where.
    service_id: i64,
    /// What.
    role_id: i64,
}

/// The end of a grant: a moment to come.
fn until(app: &App, seconds: Option<i64>) -> Result<Option<Timestamp>, ApiError> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let now = app.ports.clock.now().seconds();
    // Up to the year 9999.
    if seconds <= now || seconds > 253_402_300_799 {
        return Err(bad(
            "expires_at: whole seconds since 1970, later than now and before the year 10000.",
        ));
    }
    Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1000))))
}

async fn person_role(
    app: &App,
    token: &Token,
    direction: Direction,
    body: &PersonServiceRole,
    origin: &RequestOrigin,
) -> Result<grants::Grant, ApiError> {
    let (person, service) = (body.person_id.person()?, body.service_id.service()?);
    let role = Granted::Role(body.role_id.id(Code::InvalidRoleId)?);
    let until = if direction == Direction::Make {
        until(app, body.expires_at)?
    } else {
        None
    };
    Ok(grants::person_grant(
        &app.ports,
        Actor::Token(&token.0),
        (direction, &person, &service, role),
        until,
        origin,
    )
    .await?)
}

/// `POST /person-service-roles`: gives somebody a role in a service that has it, for good or until
/// `expires_at`.
///
/// # Errors
/// 403 without `auth.policy.write`, and without `auth.administer` in the service itself; 404; 409
/// `role_not_in_service`.
#[utoipa::path(post, path = "/person-service-roles", operation_id = "grant_role", tag = "authorization", request_body = PersonServiceRole, responses((status = 200, body = Status)))]
pub async fn grant_role(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServiceRole>,
) -> Result<AppJson<Status>, ApiError> {
    person_role(&app, &token, Direction::Make, &body, &origin).await?;
    Ok(AppJson(Status::SUCCESS))
}

/// `DELETE /person-service-roles`: takes a role in a service from somebody.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(delete, path = "/person-service-roles", operation_id = "revoke_role", tag = "authorization", request_body = PersonServiceRole, responses((status = 200, body = PersonRoleRemoved)))]
pub async fn revoke_role(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServiceRole>,
) -> Result<AppJson<PersonRoleRemoved>, ApiError> {
    let grant = person_role(&app, &token, Direction::Undo, &body, &origin).await?;
    let (person_id, service_id, role_id) = (grant.person, grant.service, grant.thing);
    Ok(AppJson(PersonRoleRemoved {
        status: "role_removed_from_person",
        person_id,
        service_id,
        role_id,
    }))
}

/// A person, a service and a permission.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct PersonServicePermission {
    /// The person, by number or username.
    person_id: NumberOrName,
    /// The service, by number or name.
    service_id: NumberOrName,
    /// The permission's id, or `permission_name`.
    #[serde(default)]
    permission_id: Option<NumberOrName>,
    /// The permission by its name.
    #[serde(default, deserialize_with = "absent_if_empty")]
    permission_name: Option<String>,
    /// When it ends, in seconds since 1970; if missing: never.
    #[serde(default)]
    expires_at: Option<i64>,
}

/// What became of a permission of somebody.
#[derive(Serialize, ToSchema)]
pub struct PersonPermission {
    /// `permission_granted`, `permission_removed_from_person`
    #[schema(example = "permission_granted")]
    status: &'static str,
    /// Who.
    person_id: i64,
    /// Where.
    service_id: i64,
    /// What.
    permission_id: i64,
}

async fn person_permission(
    app: &App,
    token: &Token,
    (direction, status): (Direction, &'static str),
    body: &PersonServicePermission,
    origin: &RequestOrigin,
) -> Result<AppJson<PersonPermission>, ApiError> {
    let (person, service) = (body.person_id.person()?, body.service_id.service()?);
    let name = body
        .permission_name
        .as_deref()
        .map(|name| words::name(name).ok_or_else(|| bad("permission_name: is no name.")))
        .transpose()?;
    let granted = match (&body.permission_id, &name) {
        (Some(id), None) => Granted::Permission(id.id(Code::InvalidPermissionId)?),
        (None, Some(name)) => Granted::PermissionNamed(name),
        _ => return Err(bad("Send either permission_id or permission_name.")),
    };
    let until = if direction == Direction::Make {
        until(app, body.expires_at)?
    } else {
        None
    };
    let grant = grants::person_grant(
        &app.ports,
        Actor::Token(&token.0),
        (direction, &person, &service, granted),
        until,
        origin,
    )
    .await?;
    Ok(AppJson(PersonPermission {
        status,
        person_id: grant.person,
        service_id: grant.service,
        permission_id: grant.thing,
    }))
}

/// `POST /person-service-permissions`: gives somebody a permission in a service directly, for good
/// or until `expires_at`.
///
/// # Errors
/// 403 without `auth.policy.write`, and without `auth.administer` in the service itself; 404.
#[utoipa::path(post, path = "/person-service-permissions", operation_id = "grant_permission", tag = "authorization", request_body = PersonServicePermission, responses((status = 200, body = PersonPermission)))]
pub async fn grant_permission(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServicePermission>,
) -> Result<AppJson<PersonPermission>, ApiError> {
    person_permission(
        &app,
        &token,
        (Direction::Make, "permission_granted"),
        &body,
        &origin,
    )
    .await
}

/// `DELETE /person-service-permissions`: takes a direct permission from somebody.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(delete, path = "/person-service-permissions", operation_id = "revoke_permission", tag = "authorization", request_body = PersonServicePermission, responses((status = 200, body = PersonPermission)))]
pub async fn revoke_permission(
    State(app): State<App>,
    token: Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServicePermission>,
) -> Result<AppJson<PersonPermission>, ApiError> {
    person_permission(
        &app,
        &token,
        (Direction::Undo, "permission_removed_from_person"),
        &body,
        &origin,
    )
    .await
}
