//! Services.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::services;
use crate::authorization::domain::services::{NewService, Service, ServiceChanges};
use crate::authorization::domain::{Actor, grants};
use crate::authorization::http::App;
use crate::authorization::http::extract::{
    CallerToken, Forced, ServiceIdInPath, ServiceInPath, new_name,
};
use crate::authorization::http::page::PageQuery;
use crate::authorization::http::respond::{
    CreatedResponse, NamedAnswer, StatusResponse, invalid_body,
};
use crate::authorization::model::names;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// A service.
#[derive(Serialize, ToSchema)]
pub struct ServiceAnswer {
    /// The id.
    #[schema(example = 1)]
    id: i64,
    /// The name.
    #[schema(example = "Service A")]
    name: String,
    /// The description. Null if the service has none.
    #[schema(required, example = "Demo catalog service")]
    description: Option<String>,
}

impl From<Service> for ServiceAnswer {
    fn from(service: Service) -> Self {
        Self {
            id: service.id,
            name: service.name,
            description: service.description,
        }
    }
}

/// A service with its policy version.
#[derive(Serialize, ToSchema)]
pub struct VersionedService {
    #[serde(flatten)]
    service: ServiceAnswer,
    /// The version of the service's policy. It increases with every change that can change an
    /// answer about the service.
    #[schema(example = 7)]
    policy_version: i64,
}

/// `GET /services`: Returns a page of the services that are not deleted, ordered by id.
///
/// # Errors
/// 403 without `auth.policy.read`.
#[utoipa::path(
    get,
    path = "/services",
    operation_id = "list_services",
    tag = "authorization",
    params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)),
    responses((status = 200, body = Vec<ServiceAnswer>))
)]
pub async fn list(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let services = services::list(&app.ports, &token, query.page()).await?;
    Ok(query.respond(services, |service| service.id, ServiceAnswer::from))
}

/// `GET /services/{id}`: Returns a service by id or name, with its policy version.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/services/{id}",
    operation_id = "get_service",
    tag = "authorization",
    params(("id" = String, Path)),
    responses((status = 200, body = VersionedService))
)]
pub async fn one(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    ServiceInPath(service): ServiceInPath,
) -> Result<AppJson<VersionedService>, ApiError> {
    let service = services::get(&app.ports, &token, &service).await?;
    Ok(AppJson(VersionedService {
        policy_version: service.policy_version,
        service: service.into(),
    }))
}

/// A service to create.
#[derive(Deserialize, ToSchema)]
pub struct ServiceRequest {
    /// 1 to 64 printable characters, unique, case-sensitive.
    #[schema(example = "Stock")]
    name: String,
    /// At most 500 characters.
    #[serde(default)]
    description: Option<String>,
}

fn description(text: Option<&str>) -> Result<Option<String>, ApiError> {
    text.map(|text| {
        names::description(text)
            .ok_or_else(|| invalid_body("description must be at most 500 printable characters."))
    })
    .transpose()
}

/// `POST /services`: Creates a service. If a deleted service has the name, restores it with its id,
/// but without roles or permissions of people.
///
/// # Errors
/// 403 without `auth.policy.write`; 409 if a service already has the name.
#[utoipa::path(
    post,
    path = "/services",
    operation_id = "create_service",
    tag = "authorization",
    request_body = ServiceRequest,
    responses((status = 201, body = ServiceAnswer))
)]
pub async fn create(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceRequest>,
) -> Result<CreatedResponse<ServiceAnswer>, ApiError> {
    let name = new_name(&body.name)?;
    let description = description(body.description.as_deref())?.filter(|text| !text.is_empty());
    let new = NewService {
        name: &name,
        description: description.as_deref(),
    };
    let id = services::create(&app.ports, Actor::Token(&token), new, &origin).await?;
    Ok(CreatedResponse(ServiceAnswer {
        id,
        name,
        description,
    }))
}

/// The changes to a service. A missing member leaves the value unchanged.
#[derive(Deserialize, ToSchema)]
pub struct ServiceUpdateRequest {
    /// The new name.
    #[serde(default)]
    name: Option<String>,
    /// The new description. An empty description removes it.
    #[serde(default)]
    description: Option<String>,
}

/// `PUT /services/{id}`: Changes the name or the description of a service.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 if another service has the name, even a deleted one.
#[utoipa::path(
    put,
    path = "/services/{id}",
    operation_id = "update_service",
    tag = "authorization",
    params(("id" = i64, Path)),
    request_body = ServiceUpdateRequest,
    responses((status = 200, body = StatusResponse))
)]
pub async fn update(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    ServiceIdInPath(id): ServiceIdInPath,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceUpdateRequest>,
) -> Result<AppJson<StatusResponse>, ApiError> {
    let name = body.name.map(|name| new_name(&name)).transpose()?;
    let description = description(body.description.as_deref())?;
    let to = ServiceChanges {
        name: name.as_deref(),
        description: description.as_deref(),
    };
    services::update(&app.ports, Actor::Token(&token), id, &to, &origin).await?;
    Ok(AppJson(StatusResponse::SUCCESS))
}

/// The response to the deletion of a service.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceDeleted)]
pub struct ServiceDeletedResponse {
    /// The outcome: `service_deleted`.
    #[schema(example = "service_deleted")]
    status: &'static str,
    /// The id of the service.
    service_id: i64,
}

/// `DELETE /services/{id}`: Deletes a service. With `force=true`, also a service in which people
/// have roles or permissions.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 `service_in_use` with `used_by`.
#[utoipa::path(
    delete,
    path = "/services/{id}",
    operation_id = "delete_service",
    tag = "authorization",
    params(("id" = i64, Path), ("force" = Option<bool>, Query)),
    responses((status = 200, body = ServiceDeletedResponse))
)]
pub async fn delete(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    ServiceIdInPath(service_id): ServiceIdInPath,
    Forced(force): Forced,
    origin: RequestOrigin,
) -> Result<AppJson<ServiceDeletedResponse>, ApiError> {
    services::delete(&app.ports, Actor::Token(&token), service_id, force, &origin).await?;
    Ok(AppJson(ServiceDeletedResponse {
        status: "service_deleted",
        service_id,
    }))
}

/// `GET /services/{id}/roles`: Returns a page of the roles of a service, given by id or name.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/services/{id}/roles",
    operation_id = "list_service_roles",
    tag = "authorization",
    params(("id" = String, Path), ("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)),
    responses((status = 200, body = Vec<NamedAnswer>))
)]
pub async fn roles_of(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    ServiceInPath(service): ServiceInPath,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let roles = grants::roles_of_service(&app.ports, &token, &service, query.page()).await?;
    Ok(query.respond(roles, |role| role.id, NamedAnswer::from))
}
