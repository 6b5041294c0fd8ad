//! Roles and permissions of people in services. Every request may be repeated.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::person_grants;
use crate::authorization::domain::person_grants::{GrantIds, GrantRequest, RoleOrPermission};
use crate::authorization::domain::{Actor, Direction};
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, IdOrNameField, permission_name};
use crate::authorization::http::respond::{StatusResponse, invalid_body};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::secret::PersonToken;
use crate::kernel::model::time::Timestamp;

/// The last second of the year 9999, in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;

/// A person, a service and a role.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = PersonServiceRole)]
pub struct PersonServiceRoleRequest {
    /// The id or the username of the person.
    person_id: IdOrNameField,
    /// The id or the name of the service.
    service_id: IdOrNameField,
    /// The id of the role, as a number or as text.
    role_id: IdOrNameField,
    /// When the grant expires, in seconds since 1970. If missing, the grant does not expire.
    #[serde(default)]
    expires_at: Option<i64>,
}

/// The response to the revocation of a role.
#[derive(Serialize, ToSchema)]
#[schema(as = PersonRoleRemoved)]
pub struct PersonRoleRemovedResponse {
    /// The outcome: `role_removed_from_person`.
    #[schema(example = "role_removed_from_person")]
    status: &'static str,
    /// The id of the person.
    person_id: i64,
    /// The id of the service.
    service_id: i64,
    /// The id of the role.
    role_id: i64,
}

/// Reads the expiry of a new grant: a time in the future.
fn expiry(app: &App, seconds: Option<i64>) -> Result<Option<Timestamp>, ApiError> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    if seconds <= app.ports.clock.now().seconds() || seconds > LAST_SECOND {
        return Err(invalid_body(
            "expires_at must be in whole seconds since 1970, in the future and before the year \
             10000.",
        ));
    }
    Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1000))))
}

impl PersonServiceRoleRequest {
    /// Grants or revokes the role.
    async fn apply(
        &self,
        app: &App,
        token: &PersonToken,
        direction: Direction,
        origin: &RequestOrigin,
    ) -> Result<GrantIds, ApiError> {
        let (person, service) = (self.person_id.person()?, self.service_id.service()?);
        let granted = RoleOrPermission::Role(self.role_id.id(Code::InvalidRoleId)?);
        let grant = GrantRequest {
            person: &person,
            service: &service,
            granted,
            until: match direction {
                Direction::Add => expiry(app, self.expires_at)?,
                Direction::Remove => None,
            },
        };
        let actor = Actor::Token(token);
        Ok(person_grants::person_grant(&app.ports, actor, direction, grant, origin).await?)
    }
}

/// `POST /person-service-roles`: Grants a role to a person in a service that has the role, without
/// an expiry or until `expires_at`.
///
/// # Errors
/// 403 without `auth.policy.write`, and without `auth.administer` in the service `auth`; 404; 409
/// `role_not_in_service`.
#[utoipa::path(
    post,
    path = "/person-service-roles",
    operation_id = "grant_role",
    tag = "authorization",
    request_body = PersonServiceRoleRequest,
    responses((status = 200, body = StatusResponse))
)]
pub async fn grant_role(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServiceRoleRequest>,
) -> Result<AppJson<StatusResponse>, ApiError> {
    body.apply(&app, &token, Direction::Add, &origin).await?;
    Ok(AppJson(StatusResponse::SUCCESS))
}

/// `DELETE /person-service-roles`: Revokes a role of a person in a service.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(
    delete,
    path = "/person-service-roles",
    operation_id = "revoke_role",
    tag = "authorization",
    request_body = PersonServiceRoleRequest,
    responses((status = 200, body = PersonRoleRemovedResponse))
)]
pub async fn revoke_role(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServiceRoleRequest>,
) -> Result<AppJson<PersonRoleRemovedResponse>, ApiError> {
    let ids = body.apply(&app, &token, Direction::Remove, &origin).await?;
    Ok(AppJson(PersonRoleRemovedResponse {
        status: "role_removed_from_person",
        person_id: ids.person,
        service_id: ids.service,
        role_id: ids.granted,
    }))
}

/// A person, a service and a permission.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = PersonServicePermission)]
pub struct PersonServicePermissionRequest {
    /// The id or the username of the person.
    person_id: IdOrNameField,
    /// The id or the name of the service.
    service_id: IdOrNameField,
    /// The id of the permission. Excludes `permission_name`.
    #[serde(default)]
    permission_id: Option<IdOrNameField>,
    /// The name of the permission. Excludes `permission_id`.
    #[serde(default, deserialize_with = "absent_if_empty")]
    permission_name: Option<String>,
    /// When the grant expires, in seconds since 1970. If missing, the grant does not expire.
    #[serde(default)]
    expires_at: Option<i64>,
}

/// The response to the grant or the revocation of a permission.
#[derive(Serialize, ToSchema)]
#[schema(as = PersonPermission)]
pub struct PersonPermissionResponse {
    /// The outcome: `permission_granted` or `permission_removed_from_person`.
    #[schema(example = "permission_granted")]
    status: &'static str,
    /// The id of the person.
    person_id: i64,
    /// The id of the service.
    service_id: i64,
    /// The id of the permission.
    permission_id: i64,
}

impl PersonPermissionResponse {
    const fn new(status: &'static str, ids: GrantIds) -> Self {
        Self {
            status,
            person_id: ids.person,
            service_id: ids.service,
            permission_id: ids.granted,
        }
    }
}

impl PersonServicePermissionRequest {
    /// Grants or revokes the permission.
    async fn apply(
        &self,
        app: &App,
        token: &PersonToken,
        direction: Direction,
        origin: &RequestOrigin,
    ) -> Result<GrantIds, ApiError> {
        let (person, service) = (self.person_id.person()?, self.service_id.service()?);
        let detail = "permission_name must be the name of a permission.";
        let name = self
            .permission_name
            .as_deref()
            .map(|name| permission_name(name, detail))
            .transpose()?;
        let granted = match (&self.permission_id, &name) {
            (Some(id), None) => RoleOrPermission::Permission(id.id(Code::InvalidPermissionId)?),
            (None, Some(name)) => RoleOrPermission::PermissionNamed(name),
            _ => {
                return Err(invalid_body(
                    "Send either permission_id or permission_name.",
                ));
            }
        };
        let grant = GrantRequest {
            person: &person,
            service: &service,
            granted,
            until: match direction {
                Direction::Add => expiry(app, self.expires_at)?,
                Direction::Remove => None,
            },
        };
        let actor = Actor::Token(token);
        Ok(person_grants::person_grant(&app.ports, actor, direction, grant, origin).await?)
    }
}

/// `POST /person-service-permissions`: Grants a permission to a person in a service directly,
/// without an expiry or until `expires_at`.
///
/// # Errors
/// 403 without `auth.policy.write`, and without `auth.administer` in the service `auth`; 404.
#[utoipa::path(
    post,
    path = "/person-service-permissions",
    operation_id = "grant_permission",
    tag = "authorization",
    request_body = PersonServicePermissionRequest,
    responses((status = 200, body = PersonPermissionResponse))
)]
pub async fn grant_permission(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServicePermissionRequest>,
) -> Result<AppJson<PersonPermissionResponse>, ApiError> {
    let ids = body.apply(&app, &token, Direction::Add, &origin).await?;
    Ok(AppJson(PersonPermissionResponse::new(
        "permission_granted",
        ids,
    )))
}

/// `DELETE /person-service-permissions`: Revokes a direct permission of a person.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 for the last administrator.
#[utoipa::path(
    delete,
    path = "/person-service-permissions",
    operation_id = "revoke_permission",
    tag = "authorization",
    request_body = PersonServicePermissionRequest,
    responses((status = 200, body = PersonPermissionResponse))
)]
pub async fn revoke_permission(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonServicePermissionRequest>,
) -> Result<AppJson<PersonPermissionResponse>, ApiError> {
    let ids = body.apply(&app, &token, Direction::Remove, &origin).await?;
    Ok(AppJson(PersonPermissionResponse::new(
        "permission_removed_from_person",
        ids,
    )))
}
