//! Extractors of the token, of path parameters and of query parameters.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::check::Freshness;
use crate::authorization::http::App;
use crate::authorization::http::respond::invalid_body;
use crate::authorization::model::names;
use crate::authorization::model::names::IdOrName;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::parameter;
use crate::kernel::model::secret::PersonToken;

/// The name of the header that carries a token.
pub const TOKEN_HEADER: &str = "token";

/// The well-formed token of the request. The use case checks whether the token is valid.
#[derive(Debug)]
pub struct CallerToken(pub PersonToken);

impl FromRequestParts<App> for CallerToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(TOKEN_HEADER).iter();
        let (first, second) = (values.next(), values.next());
        let value = first.ok_or(Code::MissingTokenHeader)?;
        let token = value
            .to_str()
            .ok()
            .filter(|_| second.is_none())
            .and_then(PersonToken::parse);
        token
            .map(Self)
            .ok_or_else(|| ApiError::because(Code::InvalidToken, "the token is malformed"))
    }
}

/// An id or a name in a JSON body.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = NumberOrName)]
pub enum IdOrNameField {
    /// The id.
    Number(i64),
    /// The name, or the id as text.
    Name(String),
}

impl IdOrNameField {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(text) => text.clone(),
        }
    }

    /// Reads a reference to a person.
    ///
    /// # Errors
    /// 400 `invalid_person_id`
    pub fn person(&self) -> Result<IdOrName, ApiError> {
        Ok(IdOrName::person(&self.text()).ok_or(Code::InvalidPersonId)?)
    }

    /// Reads a reference to a service.
    ///
    /// # Errors
    /// 400 `invalid_service_id`
    pub fn service(&self) -> Result<IdOrName, ApiError> {
        Ok(IdOrName::service(&self.text()).ok_or(Code::InvalidServiceId)?)
    }

    /// Reads an id.
    ///
    /// # Errors
    /// 400 with the given code.
    pub fn id(&self, code: Code) -> Result<i64, ApiError> {
        Ok(names::id(&self.text()).ok_or(code)?)
    }
}

/// Returns the path parameter with one of the names.
async fn path_parameter(parts: &mut Parts, names: &[&str]) -> Option<String> {
    let Path(parameters): Path<Vec<(String, String)>> =
        Path::from_request_parts(parts, &()).await.ok()?;
    parameters
        .into_iter()
        .find(|(name, _)| names.contains(&name.as_str()))
        .map(|(_, text)| text)
}

/// Reads the path parameter with one of the names as an id.
async fn path_id(parts: &mut Parts, names: &[&str], code: Code) -> Result<i64, ApiError> {
    let text = path_parameter(parts, names).await;
    Ok(text.and_then(|text| names::id(&text)).ok_or(code)?)
}

/// The `{id}` of a path that administers an account.
#[derive(Clone, Copy, Debug)]
pub struct UserIdInPath(pub i64);

impl FromRequestParts<App> for UserIdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        path_id(parts, &["id"], Code::InvalidUserNumber)
            .await
            .map(Self)
    }
}

/// The `{role_id}` of a path, or its `{id}`.
#[derive(Clone, Copy, Debug)]
pub struct RoleIdInPath(pub i64);

impl FromRequestParts<App> for RoleIdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        path_id(parts, &["role_id", "id"], Code::InvalidRoleId)
            .await
            .map(Self)
    }
}

/// The `{id}` of a path of a permission.
#[derive(Clone, Copy, Debug)]
pub struct PermissionIdInPath(pub i64);

impl FromRequestParts<App> for PermissionIdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        path_id(parts, &["id"], Code::InvalidPermissionId)
            .await
            .map(Self)
    }
}

/// The `{id}` of a path that changes a service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceIdInPath(pub i64);

impl FromRequestParts<App> for ServiceIdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        path_id(parts, &["id"], Code::InvalidServiceId)
            .await
            .map(Self)
    }
}

/// The `{person_id}` of a path: an id or a username.
#[derive(Clone, Debug)]
pub struct PersonInPath(pub IdOrName);

impl FromRequestParts<App> for PersonInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let text = path_parameter(parts, &["person_id"]).await;
        let person = text.and_then(|text| IdOrName::person(&text));
        Ok(Self(person.ok_or(Code::InvalidPersonId)?))
    }
}

/// The `{service_id}` of a path, or its `{id}`: an id or a name.
#[derive(Clone, Debug)]
pub struct ServiceInPath(pub IdOrName);

impl FromRequestParts<App> for ServiceInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let text = path_parameter(parts, &["service_id", "id"]).await;
        let service = text.and_then(|text| IdOrName::service(&text));
        Ok(Self(service.ok_or(Code::InvalidServiceId)?))
    }
}

/// Whether a deletion also deletes a row in use: `force=true` in the query.
#[derive(Clone, Copy, Debug)]
pub struct Forced(pub bool);

impl FromRequestParts<App> for Forced {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        match parameter(&parts.uri, "force").as_deref() {
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(_) => Err(ApiError::detailed(
                Code::InvalidQuery,
                "force is true or false.",
            )),
        }
    }
}

/// How fresh the answer must be: `consistency` in the query.
#[derive(Clone, Copy, Debug)]
pub struct Consistency(pub Freshness);

impl FromRequestParts<App> for Consistency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        match parameter(&parts.uri, "consistency").as_deref() {
            None | Some("eventual") => Ok(Self(Freshness::Eventual)),
            Some("strong") => Ok(Self(Freshness::Strong)),
            Some(_) => Err(ApiError::detailed(
                Code::InvalidQuery,
                "consistency is strong or eventual.",
            )),
        }
    }
}

/// Reads the name of a new role, permission or service in a body.
pub(super) fn new_name(text: &str) -> Result<String, ApiError> {
    names::new_name(text).ok_or_else(|| {
        invalid_body(
            "name must be 1 to 64 letters, digits and signs of one script in the normal form NFKC. \
             It must not look like a name in Latin letters, be a number or auth, or start with \
             auth., which is reserved.",
        )
    })
}

/// Reads the name of a permission in a body.
pub(super) fn permission_name(text: &str, detail: &'static str) -> Result<String, ApiError> {
    names::name(text).ok_or_else(|| invalid_body(detail))
}

/// Reads the `consistency` of a body.
pub(super) fn freshness(consistency: Option<&str>) -> Result<Freshness, ApiError> {
    match consistency {
        None | Some("eventual") => Ok(Freshness::Eventual),
        Some("strong") => Ok(Freshness::Strong),
        Some(_) => Err(invalid_body("consistency must be strong or eventual.")),
    }
}
