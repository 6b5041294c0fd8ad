//! The authorization service over HTTP: its paths stand at the root, and its wire habits are its
//! own (docs/AUTHORIZATION.md).
//!
//! Ids are whole numbers, times are seconds since 1970, creation answers 201, and `error` is the
//! code.

pub mod auth;
pub mod authzen;
pub mod changes;
pub mod check;
mod errors;
pub mod explain;
pub mod grants;
pub mod middleware;
pub mod oauth;
pub mod people;
pub mod services;
pub mod things;
pub mod users;

use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::Ports;
use crate::authorization::model::names as words;
use crate::authorization::store::{Named, Page, Ref};
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::secret::PersonToken;

/// What every handler of the authorization service shares. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The ports.
    pub ports: Ports,
}

/// The header in which a token comes.
pub const TOKEN: &str = "token";
/// Entries on a page, where a caller does not say how many.
const PAGE: i64 = 100;
/// Most entries on a page.
const MOST_ENTRIES: i64 = 500;

/// The token that a request presents. Whether it is good is for the use case to see, with what it
/// reads.
#[derive(Debug)]
pub struct Token(pub PersonToken);

impl FromRequestParts<App> for Token {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(TOKEN).iter();
        let (first, second) = (values.next(), values.next());
        let value = first.ok_or(Code::MissingTokenHeader)?;
        let token = value
            .to_str()
            .ok()
            .filter(|_| second.is_none())
            .and_then(PersonToken::parse);
        token
            .map(Self)
            .ok_or_else(|| ApiError::because(Code::InvalidToken, "this cannot be a token"))
    }
}

/// A number, or a name.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub enum NumberOrName {
    /// The id.
    Number(i64),
    /// The name, or the id as text.
    Name(String),
}

impl NumberOrName {
    fn reference(&self, is_name: fn(&str) -> Option<String>) -> Option<Ref> {
        match self {
            Self::Number(number) => words::id(&number.to_string()).map(Ref::Id),
            Self::Name(text) => reference(text, is_name),
        }
    }

    /// Whoever has the number or the username.
    ///
    /// # Errors
    /// 400 `invalid_person_id`
    pub fn person(&self) -> Result<Ref, ApiError> {
        Ok(self
            .reference(words::username)
            .ok_or(Code::InvalidPersonId)?)
    }

    /// The service with the number or the name.
    ///
    /// # Errors
    /// 400 `invalid_service_id`
    pub fn service(&self) -> Result<Ref, ApiError> {
        Ok(self.reference(words::name).ok_or(Code::InvalidServiceId)?)
    }

    /// A number that is nothing but an id.
    ///
    /// # Errors
    /// 400 with the given code.
    pub fn id(&self, code: Code) -> Result<i64, ApiError> {
        match self.reference(|_| None) {
            Some(Ref::Id(id)) => Ok(id),
            _ => Err(code.into()),
        }
    }
}

fn reference(text: &str, is_name: fn(&str) -> Option<String>) -> Option<Ref> {
    words::id(text)
        .map(Ref::Id)
        .or_else(|| is_name(text).map(Ref::Name))
}

/// The names in a path, as they came.
async fn path<const N: usize>(parts: &mut Parts) -> Option<[String; N]> {
    let Path(texts): Path<Vec<(String, String)>> =
        Path::from_request_parts(parts, &()).await.ok()?;
    texts
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .try_into()
        .ok()
}

macro_rules! path_ids {
    ($($(#[$doc:meta])* $name:ident $code:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(pub i64);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
                let id = path::<1>(parts).await.and_then(|[id]| words::id(&id));
                Ok(Self(id.ok_or(Code::$code)?))
            }
        }
    )*};
}
path_ids! {
    /// The `{id}` of a path: a person, as an account.
    UserNumber InvalidUserNumber;
    /// The `{id}` of a path: a role.
    RoleNumber InvalidRoleId;
    /// The `{id}` of a path: a permission.
    PermissionNumber InvalidPermissionId;
    /// The `{id}` of a path: a service.
    ServiceNumber InvalidServiceId;
}

/// The `{person_id}` of a path: a number or a username.
#[derive(Clone, Debug)]
pub struct PersonInPath(pub Ref);

/// The `{service_id}` of a path, or its `{id}` where a name will do.
#[derive(Clone, Debug)]
pub struct ServiceInPath(pub Ref);

impl FromRequestParts<App> for PersonInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let named = named_in_path(parts, &["person_id"]).await;
        Ok(Self(
            named
                .and_then(|text| reference(&text, words::username))
                .ok_or(Code::InvalidPersonId)?,
        ))
    }
}

impl FromRequestParts<App> for ServiceInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let named = named_in_path(parts, &["service_id", "id"]).await;
        Ok(Self(
            named
                .and_then(|text| reference(&text, words::name))
                .ok_or(Code::InvalidServiceId)?,
        ))
    }
}

/// The `{role_id}` of a path.
#[derive(Clone, Copy, Debug)]
pub struct RoleInPath(pub i64);

impl FromRequestParts<App> for RoleInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let named = named_in_path(parts, &["role_id"]).await;
        Ok(Self(
            named
                .and_then(|text| words::id(&text))
                .ok_or(Code::InvalidRoleId)?,
        ))
    }
}

async fn named_in_path(parts: &mut Parts, names: &[&str]) -> Option<String> {
    let Path(texts): Path<Vec<(String, String)>> =
        Path::from_request_parts(parts, &()).await.ok()?;
    texts
        .into_iter()
        .find(|(name, _)| names.contains(&name.as_str()))
        .map(|(_, text)| text)
}

/// What a list is asked for: `limit` entries, 1 to 500, `after` an id; by default the first 100.
#[derive(Clone, Debug)]
pub struct Paged {
    limit: i64,
    after: i64,
    uri: Uri,
}

impl FromRequestParts<App> for Paged {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let (mut limit, mut after) = (PAGE, 0);
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number = || words::id(value).ok_or(Code::InvalidQuery);
            match name {
                "limit" => limit = number()?,
                "after" => after = number()?,
                _ => {}
            }
        }
        if limit > MOST_ENTRIES {
            return Err(ApiError::detailed(
                Code::InvalidQuery,
                "limit is a whole number from 1 to 500.",
            ));
        }
        Ok(Self {
            limit,
            after,
            uri: parts.uri.clone(),
        })
    }
}

impl Paged {
    /// The page, and one entry more, which shows whether there is a next one.
    #[must_use]
    pub const fn page(&self) -> Page {
        Page {
            after: self.after,
            limit: self.limit.saturating_add(1),
        }
    }

    /// The answer: the entries as a list, and in `Link` where the next page is (RFC 8288).
    pub fn answer<T, W: Serialize>(
        &self,
        mut list: Vec<T>,
        id: impl Fn(&T) -> i64,
        wire: impl Fn(T) -> W,
    ) -> Response {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = list.len() > limit;
        list.truncate(limit);
        let next = list.last().filter(|_| more).map(|last| {
            format!(
                "<{}?after={}&limit={limit}>; rel=\"next\"",
                self.uri.path(),
                id(last)
            )
        });
        let wired: Vec<W> = list.into_iter().map(wire).collect();
        let mut response = AppJson(wired).into_response();
        if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            response.headers_mut().insert(header::LINK, next);
        }
        response
    }
}

/// Something with an id and a name.
#[derive(Serialize, ToSchema)]
pub struct NamedAnswer {
    /// Its id.
    #[schema(example = 3)]
    id: i64,
    /// Its name.
    #[schema(example = "Editor")]
    name: String,
}

impl From<Named> for NamedAnswer {
    fn from(named: Named) -> Self {
        Self {
            id: named.id,
            name: named.name,
        }
    }
}

/// That something was done.
#[derive(Serialize, ToSchema)]
pub struct Status {
    /// What was done; `success` where there is no better word.
    #[schema(example = "success")]
    status: &'static str,
}

impl Status {
    /// It was.
    pub const SUCCESS: Self = Self { status: "success" };
}

/// 201 with a body.
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, AppJson(self.0)).into_response()
    }
}

/// Whether a deletion is forced: `force=true` in the query.
#[derive(Clone, Copy, Debug)]
pub struct Forced(pub bool);

impl FromRequestParts<App> for Forced {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let value = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("force="));
        match value {
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(_) => Err(ApiError::detailed(
                Code::InvalidQuery,
                "force is true or false.",
            )),
        }
    }
}

/// What stands in a body and cannot be.
fn bad(detail: &'static str) -> ApiError {
    ApiError::detailed(Code::InvalidRequestBody, detail)
}

/// A name in a body.
fn name_in(text: &str) -> Result<String, ApiError> {
    words::new_name(text)
        .ok_or_else(|| bad("name: 1 to 64 printable characters, not a number, and not auth or auth.…, which are the service's own."))
}
