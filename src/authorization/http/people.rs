//! What people may do where: by themselves, or by whoever may look others up.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::authorization::domain::{access, grants};
use crate::authorization::http::App;
use crate::authorization::http::auth::AccessAnswer;
use crate::authorization::http::services::ServiceAnswer;
use crate::authorization::http::users::PersonAnswer;
use crate::authorization::http::{
    NamedAnswer, Paged, PersonInPath, RoleInPath, ServiceInPath, Token,
};
use crate::authorization::store::Named;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;

/// `GET /people/{person_id}/services`: a page of the services where somebody has something, each
/// once.
///
/// # Errors
/// 403 `forbidden_person_lookup` for others without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/people/{person_id}/services", operation_id = "list_person_services", tag = "authorization", params(("person_id" = String, Path), ("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<ServiceAnswer>)))]
pub async fn services_of(
    State(app): State<App>,
    Token(token): Token,
    PersonInPath(person): PersonInPath,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = access::services_of(&app.ports, &token, &person, paged.page()).await?;
    Ok(paged.answer(list, |service| service.id, ServiceAnswer::from))
}

/// `GET /people/{person_id}/services/{service_id}/roles`: a page of the roles that somebody has in
/// a service.
///
/// # Errors
/// 403 `forbidden_person_lookup` for others without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/people/{person_id}/services/{service_id}/roles", operation_id = "list_person_roles", tag = "authorization", params(("person_id" = String, Path), ("service_id" = String, Path), ("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<NamedAnswer>)))]
pub async fn roles_of(
    State(app): State<App>,
    Token(token): Token,
    PersonInPath(person): PersonInPath,
    ServiceInPath(service): ServiceInPath,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = access::roles_of(&app.ports, &token, &person, &service, paged.page()).await?;
    Ok(paged.answer(list, |role| role.id, NamedAnswer::from))
}

/// `GET /services/{service_id}/roles/{role_id}/people`: a page of the people who have a role in a
/// service.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/services/{service_id}/roles/{role_id}/people", operation_id = "list_role_people", tag = "authorization", params(("service_id" = String, Path), ("role_id" = i64, Path), ("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<PersonAnswer>)))]
pub async fn people_with(
    State(app): State<App>,
    Token(token): Token,
    ServiceInPath(service): ServiceInPath,
    RoleInPath(role): RoleInPath,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = grants::people_with(&app.ports, &token, &service, role, paged.page()).await?;
    Ok(paged.answer(list, |person| person.id, PersonAnswer::from))
}

/// A role or a permission that somebody has, and until when.
#[derive(Serialize, ToSchema)]
pub struct GrantAnswer {
    #[serde(flatten)]
    thing: NamedAnswer,
    /// When it ends or ended, in seconds since 1970; null: never.
    #[schema(required)]
    expires_at: Option<i64>,
}

/// Somebody with what they have in a service.
#[derive(Serialize, ToSchema)]
pub struct HolderAnswer {
    #[serde(flatten)]
    user: PersonAnswer,
    /// Their roles there.
    roles: Vec<GrantAnswer>,
    /// The permissions that were granted directly.
    permissions: Vec<GrantAnswer>,
}

/// `GET /services/{service_id}/people`: a page of the people who have something in a service, with
/// what, and until when.
///
/// # Errors
/// 403 without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/services/{service_id}/people", operation_id = "list_service_people", tag = "authorization", params(("service_id" = String, Path), ("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<HolderAnswer>)))]
pub async fn holders(
    State(app): State<App>,
    Token(token): Token,
    ServiceInPath(service): ServiceInPath,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = access::holders(&app.ports, &token, &service, paged.page()).await?;
    let grant = |(named, until): (Named, Option<Timestamp>)| GrantAnswer {
        thing: named.into(),
        expires_at: until.map(Timestamp::seconds),
    };
    Ok(paged.answer(
        list,
        |holder| holder.person.id,
        |holder| HolderAnswer {
            user: holder.person.into(),
            roles: holder.roles.into_iter().map(grant).collect(),
            permissions: holder.permissions.into_iter().map(grant).collect(),
        },
    ))
}

/// What somebody has in a service.
#[derive(Serialize, ToSchema)]
pub struct EffectiveAnswer {
    /// Who.
    user: PersonAnswer,
    /// Where, and what: both lists may be empty.
    #[serde(flatten)]
    access: AccessAnswer,
}

/// `GET /people/{person_id}/services/{service_id}`: the roles and permissions that somebody has in
/// a service. With `If-None-Match` and the `ETag` of the last answer it is 304 as long as nothing
/// changed. `consistency=strong` is always answered in full.
///
/// # Errors
/// 403 `forbidden_person_lookup` for others without `auth.policy.read`; 404.
#[utoipa::path(get, path = "/people/{person_id}/services/{service_id}", operation_id = "effective_permissions", tag = "authorization", params(("person_id" = String, Path), ("service_id" = String, Path), ("consistency" = Option<String>, Query)), responses((status = 200, body = EffectiveAnswer), (status = 304, description = "nothing changed")))]
pub async fn effective(
    State(app): State<App>,
    Token(token): Token,
    PersonInPath(person): PersonInPath,
    ServiceInPath(service): ServiceInPath,
    Consistency(strong): Consistency,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (person, access) = access::effective(&app.ports, &token, &person, &service).await?;
    let version = access.service.policy_version;
    let answer = EffectiveAnswer {
        user: person.into(),
        access: access.into(),
    };
    // Of the whole answer: a name changes too, and a grant that ends moves no version on.
    let text = serde_json::to_vec(&answer)
        .map_err(|error| ApiError::because(Code::Internal, error.to_string()))?;
    let digest = base64::encode(Sha256::digest(&text).get(..12).unwrap_or_default());
    let tag = format!("\"{version}-{digest}\"");
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let known = known
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag);
    let mut response = if known && !strong {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        AppJson(answer).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether nothing that is cached anywhere will do: `consistency=strong`.
#[derive(Clone, Copy, Debug)]
pub struct Consistency(pub bool);

impl axum::extract::FromRequestParts<App> for Consistency {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &App,
    ) -> Result<Self, ApiError> {
        let value = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("consistency="));
        match value {
            None | Some("eventual") => Ok(Self(false)),
            Some("strong") => Ok(Self(true)),
            Some(_) => Err(ApiError::detailed(
                Code::InvalidQuery,
                "consistency is strong or eventual.",
            )),
        }
    }
}
