//! The access of people in services.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::authorization::domain::access::HeldGrant;
use crate::authorization::domain::check::Freshness;
use crate::authorization::domain::{access, grants};
use crate::authorization::http::App;
use crate::authorization::http::auth::AccessAnswer;
use crate::authorization::http::extract::{
    CallerToken, Consistency, PersonInPath, RoleIdInPath, ServiceInPath,
};
use crate::authorization::http::page::PageQuery;
use crate::authorization::http::respond::NamedAnswer;
use crate::authorization::http::services::ServiceAnswer;
use crate::authorization::http::users::PersonSummary;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;

/// `GET /people/{person_id}/services`: Returns a page of the services in which a person has roles
/// or permissions.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/people/{person_id}/services",
    operation_id = "list_person_services",
    tag = "authorization",
    params(
        ("person_id" = String, Path),
        ("limit" = Option<i64>, Query),
        ("after" = Option<i64>, Query)
    ),
    responses((status = 200, body = Vec<ServiceAnswer>))
)]
pub async fn services_of(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    PersonInPath(person): PersonInPath,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let services = access::services_of(&app.ports, &token, &person, query.page()).await?;
    Ok(query.respond(services, |service| service.id, ServiceAnswer::from))
}

/// `GET /people/{person_id}/services/{service_id}/roles`: Returns a page of the roles of a person
/// in a service.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/people/{person_id}/services/{service_id}/roles",
    operation_id = "list_person_roles",
    tag = "authorization",
    params(
        ("person_id" = String, Path),
        ("service_id" = String, Path),
        ("limit" = Option<i64>, Query),
        ("after" = Option<i64>, Query)
    ),
    responses((status = 200, body = Vec<NamedAnswer>))
)]
pub async fn roles_of(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    PersonInPath(person): PersonInPath,
    ServiceInPath(service): ServiceInPath,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let roles = access::roles_of(&app.ports, &token, &person, &service, query.page()).await?;
    Ok(query.respond(roles, |role| role.id, NamedAnswer::from))
}

/// `GET /services/{service_id}/roles/{role_id}/people`: Returns a page of the people who have a
/// role in a service.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/services/{service_id}/roles/{role_id}/people",
    operation_id = "list_role_people",
    tag = "authorization",
    params(
        ("service_id" = String, Path),
        ("role_id" = i64, Path),
        ("limit" = Option<i64>, Query),
        ("after" = Option<i64>, Query)
    ),
    responses((status = 200, body = Vec<PersonSummary>))
)]
pub async fn people_with(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    ServiceInPath(service): ServiceInPath,
    RoleIdInPath(role): RoleIdInPath,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let people = grants::people_with_role(&app.ports, &token, &service, role, query.page()).await?;
    Ok(query.respond(people, |person| person.id, PersonSummary::from))
}

/// A role or a permission of a person, with its expiry.
#[derive(Serialize, ToSchema)]
pub struct GrantAnswer {
    #[serde(flatten)]
    granted: NamedAnswer,
    /// When the grant expires or expired, in seconds since 1970. Null if it does not expire.
    #[schema(required)]
    expires_at: Option<i64>,
}

impl From<HeldGrant> for GrantAnswer {
    fn from(grant: HeldGrant) -> Self {
        Self {
            granted: grant.row.into(),
            expires_at: grant.until.map(Timestamp::seconds),
        }
    }
}

/// A person with their roles and permissions in a service.
#[derive(Serialize, ToSchema)]
pub struct HolderAnswer {
    #[serde(flatten)]
    user: PersonSummary,
    /// The roles of the person in the service.
    roles: Vec<GrantAnswer>,
    /// The direct permissions of the person in the service.
    permissions: Vec<GrantAnswer>,
}

/// `GET /services/{service_id}/people`: Returns a page of the people with roles or permissions in a
/// service, including expired ones.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/services/{service_id}/people",
    operation_id = "list_service_people",
    tag = "authorization",
    params(
        ("service_id" = String, Path),
        ("limit" = Option<i64>, Query),
        ("after" = Option<i64>, Query)
    ),
    responses((status = 200, body = Vec<HolderAnswer>))
)]
pub async fn holders(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    ServiceInPath(service): ServiceInPath,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let holders = access::holders(&app.ports, &token, &service, query.page()).await?;
    Ok(query.respond(
        holders,
        |holder| holder.person.id,
        |holder| HolderAnswer {
            user: holder.person.into(),
            roles: holder.roles.into_iter().map(GrantAnswer::from).collect(),
            permissions: holder
                .permissions
                .into_iter()
                .map(GrantAnswer::from)
                .collect(),
        },
    ))
}

/// A person and their access in a service.
#[derive(Serialize, ToSchema)]
pub struct EffectiveAnswer {
    /// The person.
    user: PersonSummary,
    /// The access. Both lists may be empty.
    #[serde(flatten)]
    access: AccessAnswer,
}

/// `GET /people/{person_id}/services/{service_id}`: Returns the roles and permissions of a person
/// in a service. With `If-None-Match` and the `ETag` of the last response, an unchanged answer is
/// 304. With `consistency=strong`, the response is always complete.
///
/// # Errors
/// 403 `forbidden_person_lookup` about another person without `auth.policy.read`; 404.
#[utoipa::path(
    get,
    path = "/people/{person_id}/services/{service_id}",
    operation_id = "effective_permissions",
    tag = "authorization",
    params(
        ("person_id" = String, Path),
        ("service_id" = String, Path),
        ("consistency" = Option<String>, Query)
    ),
    responses(
        (status = 200, body = EffectiveAnswer),
        (status = 304, description = "The answer is unchanged.")
    )
)]
pub async fn effective(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    PersonInPath(person): PersonInPath,
    ServiceInPath(service): ServiceInPath,
    Consistency(freshness): Consistency,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (person, access) = access::effective(&app.ports, &token, &person, &service).await?;
    let version = access.service.policy_version;
    let answer = EffectiveAnswer {
        user: person.into(),
        access: access.into(),
    };
    // The tag covers the whole answer, because a new name and an expired grant change no version.
    let text = serde_json::to_vec(&answer)
        .map_err(|error| ApiError::because(Code::Internal, error.to_string()))?;
    let digest = base64::encode(Sha256::digest(&text).get(..12).unwrap_or_default());
    let tag = format!("\"{version}-{digest}\"");
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known && freshness == Freshness::Eventual {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        AppJson(answer).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
