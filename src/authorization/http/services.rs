//! Services.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::services;
use crate::authorization::domain::services::Changes;
use crate::authorization::domain::{Actor, grants};
use crate::authorization::http::App;
use crate::authorization::http::{
    Created, Forced, NamedAnswer, Paged, ServiceInPath, ServiceNumber, Status, Token, bad, name_in,
};
use crate::authorization::model::names as words;
use crate::authorization::store::services::Service;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// A service.
#[derive(Serialize, ToSchema)]
pub struct ServiceAnswer {
    /// Its id.
    #[schema(example = 1)]
    id: i64,
    /// Its name.
    #[schema(example = "Service A")]
    name: String,
    /// What it is.
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

/// A service with its version.
#[derive(Serialize, ToSchema)]
pub struct VersionedService {
    #[serde(flatten)]
    service: ServiceAnswer,
    /// Moved on by whatever changes what anybody may do in it.
    #[schema(example = 7)]
    policy_version: i64,
}

/// `GET /services`: a page of all services that are not deleted, by id.
///
/// # Errors
/// 403 without `auth.policy.read`.
#[utoipa::path(get, path = "/services", operation_id = "list_services", tag = "authorization", params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<ServiceAnswer>)))]
pub async fn list(
    State(app): State<App>,
    Token(token): Token,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = services::list(&app.ports, &token, paged.page()).await?;
    Ok(paged.answer(list, |service| service.id, ServiceAnswer::from))
}

/// `GET /services/{id}`: one of them, by number or name, with its version.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/services/{id}", operation_id = "get_service", tag = "authorization", params(("id" = String, Path)), responses((status = 200, body = VersionedService)))]
pub async fn one(
    State(app): State<App>,
    Token(token): Token,
    ServiceInPath(service): ServiceInPath,
) -> Result<AppJson<VersionedService>, ApiError> {
    let service = services::one(&app.ports, &token, &service).await?;
    Ok(AppJson(VersionedService {
        policy_version: service.policy_version,
        service: service.into(),
    }))
}

/// A service to make.
#[derive(Deserialize, ToSchema)]
pub struct ServiceRequest {
    /// 1 to 64 printable characters, unique; case counts.
    #[schema(example = "Stock")]
    name: String,
    /// At most 500 characters.
    #[serde(default)]
    description: Option<String>,
}

fn description(text: Option<&str>) -> Result<Option<String>, ApiError> {
    text.map(|text| {
        words::description(text)
            .ok_or_else(|| bad("description: at most 500 printable characters."))
    })
    .transpose()
}

/// `POST /services`: makes a service, or brings back the one that was deleted with this name, with
/// its id and without anybody's roles.
///
/// # Errors
/// 403 without `auth.policy.write`; 409 for a name that there is.
#[utoipa::path(post, path = "/services", operation_id = "create_service", tag = "authorization", request_body = ServiceRequest, responses((status = 201, body = ServiceAnswer)))]
pub async fn create(
    State(app): State<App>,
    Token(token): Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceRequest>,
) -> Result<Created<ServiceAnswer>, ApiError> {
    let name = name_in(&body.name)?;
    let description = description(body.description.as_deref())?.filter(|text| !text.is_empty());
    let id = services::create(
        &app.ports,
        Actor::Token(&token),
        (&name, description.as_deref()),
        &origin,
    )
    .await?;
    Ok(Created(ServiceAnswer {
        id,
        name,
        description,
    }))
}

/// What becomes of a service. What is missing stays as it is.
#[derive(Deserialize, ToSchema)]
pub struct ServiceUpdateRequest {
    /// Another name.
    #[serde(default)]
    name: Option<String>,
    /// Another description; an empty one removes it.
    #[serde(default)]
    description: Option<String>,
}

/// `PUT /services/{id}`: changes a service.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409.
#[utoipa::path(put, path = "/services/{id}", operation_id = "update_service", tag = "authorization", params(("id" = i64, Path)), request_body = ServiceUpdateRequest, responses((status = 200, body = Status)))]
pub async fn update(
    State(app): State<App>,
    Token(token): Token,
    ServiceNumber(id): ServiceNumber,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceUpdateRequest>,
) -> Result<AppJson<Status>, ApiError> {
    let name = body.name.map(|name| name_in(&name)).transpose()?;
    let description = description(body.description.as_deref())?;
    let to = Changes {
        name: name.as_deref(),
        description: description.as_deref(),
    };
    services::update(&app.ports, Actor::Token(&token), id, &to, &origin).await?;
    Ok(AppJson(Status::SUCCESS))
}

/// That a service is gone.
#[derive(Serialize, ToSchema)]
pub struct ServiceDeleted {
    /// `service_deleted`
    #[schema(example = "service_deleted")]
    status: &'static str,
    /// Which one.
    service_id: i64,
}

/// `DELETE /services/{id}`: deletes a service; with `force=true` also one in which people have
/// something. Its id stays its own.
///
/// # Errors
/// 403 without `auth.policy.write`; 404; 409 `service_in_use` with `used_by`.
#[utoipa::path(delete, path = "/services/{id}", operation_id = "delete_service", tag = "authorization", params(("id" = i64, Path), ("force" = Option<bool>, Query)), responses((status = 200, body = ServiceDeleted)))]
pub async fn delete(
    State(app): State<App>,
    Token(token): Token,
    ServiceNumber(service_id): ServiceNumber,
    Forced(force): Forced,
    origin: RequestOrigin,
) -> Result<AppJson<ServiceDeleted>, ApiError> {
    services::delete(&app.ports, Actor::Token(&token), service_id, force, &origin).await?;
    Ok(AppJson(ServiceDeleted {
        status: "service_deleted",
        service_id,
    }))
}

/// `GET /services/{id}/roles`: a page of a service's roles; the service by number or name.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/services/{id}/roles", operation_id = "list_service_roles", tag = "authorization", params(("id" = String, Path), ("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<NamedAnswer>)))]
pub async fn roles_of(
    State(app): State<App>,
    Token(token): Token,
    ServiceInPath(service): ServiceInPath,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = grants::roles_of_service(&app.ports, &token, &service, paged.page()).await?;
    Ok(paged.answer(list, |role| role.id, NamedAnswer::from))
}
