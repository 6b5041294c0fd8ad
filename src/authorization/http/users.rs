//! The accounts of people.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::model::email::Email;
use crate::authorization::domain::Actor;
use crate::authorization::domain::new_people::{IdentityDocument, NewPerson};
use crate::authorization::domain::people::{Person, PersonChanges};
use crate::authorization::domain::{new_people, people};
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, UserIdInPath};
use crate::authorization::http::page::PageQuery;
use crate::authorization::http::respond::{CreatedResponse, StatusResponse, invalid_body};
use crate::authorization::model::names;
use crate::authorization::model::names::IdOrName;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::text;

/// A person.
#[derive(Serialize, ToSchema)]
#[schema(as = PersonAnswer)]
pub struct PersonSummary {
    /// The id.
    #[schema(example = 2)]
    id: i64,
    /// The username.
    #[schema(example = "usr1")]
    username: String,
    /// The display name.
    #[schema(example = "User One")]
    name: String,
}

impl From<Person> for PersonSummary {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            username: person.username,
            name: person.name,
        }
    }
}

/// A person to create, with an account.
#[derive(Deserialize, ToSchema)]
pub struct UserRequest {
    /// 1 to 64 letters, digits and `._@+-`, unique, case-sensitive.
    #[schema(example = "usr6")]
    username: String,
    /// The password: 8 to 256 characters.
    #[serde(default)]
    password: Option<String>,
    /// The former name of `password`. It holds the password, not a hash.
    #[serde(default)]
    #[schema(deprecated)]
    password_hash: Option<String>,
    /// 1 to 200 printable characters.
    #[schema(example = "User Six")]
    name: String,
    /// The email address, if the person has one. It is not verified.
    #[serde(default, deserialize_with = "absent_if_empty")]
    email: Option<String>,
    /// `N` for a natural person or `J` for a legal person.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "N")]
    person_type: Option<String>,
    /// `DNI`, `CE` or `RUC`. Requires `document_number`.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "DNI")]
    document_type: Option<String>,
    /// 1 to 20 letters and digits. Requires `document_type`.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "00000016")]
    document_number: Option<String>,
}

/// Returns the password from either of its members.
fn password_of(
    password: Option<String>,
    password_hash: Option<String>,
) -> Result<Option<String>, ApiError> {
    match (password, password_hash) {
        (Some(_), Some(_)) => Err(invalid_body("Send the password once, as password.")),
        (password, password_hash) => Ok(password.or(password_hash)),
    }
}

/// Reads a username in a body.
fn username(text: &str) -> Result<String, ApiError> {
    names::username(text).ok_or_else(|| {
        invalid_body("username must be 1 to 64 letters, digits and ._@+-, and not a number.")
    })
}

fn name(name: &str) -> Result<String, ApiError> {
    text::name(name).ok_or_else(|| invalid_body("name must be 1 to 200 printable characters."))
}

impl UserRequest {
    /// Validates the request.
    ///
    /// # Errors
    /// 400 `invalid_request_body`
    pub fn validate(self) -> Result<ValidatedUser, ApiError> {
        let password = password_of(self.password, self.password_hash)?
            .ok_or_else(|| invalid_body("Send the password."))?;
        let read = |text: Option<String>, read: fn(&str) -> Option<String>, detail| {
            text.map(|text| read(&text).ok_or_else(|| invalid_body(detail)))
                .transpose()
        };
        let document_type = read(
            self.document_type,
            names::document_type,
            "document_type must be DNI, CE or RUC.",
        )?;
        let document_number = read(
            self.document_number,
            names::document_number,
            "document_number must be 1 to 20 letters and digits.",
        )?;
        if document_type.is_some() != document_number.is_some() {
            return Err(invalid_body(
                "Send document_type and document_number together.",
            ));
        }
        let email = self
            .email
            .map(|email| {
                Email::parse(&email).ok_or_else(|| invalid_body("email must be an email address."))
            })
            .transpose()?;
        Ok(ValidatedUser {
            username: username(&self.username)?,
            name: name(&self.name)?,
            password,
            email,
            person_type: read(
                self.person_type,
                names::person_type,
                "person_type must be N or J.",
            )?,
            document: document_type.zip(document_number),
        })
    }
}

/// A validated person with a password.
pub struct ValidatedUser {
    username: String,
    name: String,
    password: String,
    email: Option<Email>,
    person_type: Option<String>,
    /// The type and the number of the identity document.
    document: Option<(String, String)>,
}

impl ValidatedUser {
    /// Returns the person for the use case.
    #[must_use]
    pub fn person(&self) -> NewPerson<'_> {
        NewPerson {
            username: &self.username,
            name: &self.name,
            email: self.email.as_ref(),
            person_type: self.person_type.as_deref(),
            document: self
                .document
                .as_ref()
                .map(|(kind, number)| IdentityDocument { kind, number }),
        }
    }

    /// Returns the password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns the response after the creation with an id.
    #[must_use]
    pub fn into_summary(self, id: i64) -> PersonSummary {
        PersonSummary {
            id,
            username: self.username,
            name: self.name,
        }
    }
}

/// `GET /users`: Returns a page of the people, by id.
///
/// # Errors
/// 403 without `auth.people.read`.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "list_users",
    tag = "authorization",
    params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)),
    responses((status = 200, body = Vec<PersonSummary>))
)]
pub async fn list(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    query: PageQuery,
) -> Result<Response, ApiError> {
    let people = people::list(&app.ports, &token, query.page()).await?;
    Ok(query.respond(people, |person| person.id, PersonSummary::from))
}

/// `GET /users/{id}`: Returns a person. A caller needs no permission to read themselves.
///
/// # Errors
/// 403 without `auth.people.read`; 404.
#[utoipa::path(
    get,
    path = "/users/{id}",
    operation_id = "get_user",
    tag = "authorization",
    params(("id" = i64, Path)),
    responses((status = 200, body = PersonSummary))
)]
pub async fn one(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    UserIdInPath(id): UserIdInPath,
) -> Result<AppJson<PersonSummary>, ApiError> {
    Ok(AppJson(people::get(&app.ports, &token, id).await?.into()))
}

/// `POST /users`: Creates a person and an account with a password.
///
/// # Errors
/// 403 without `auth.people.write`; 409 if another person has the username or the
/// identity document.
#[utoipa::path(
    post,
    path = "/users",
    operation_id = "create_user_person",
    tag = "authorization",
    request_body = UserRequest,
    responses((status = 201, body = PersonSummary))
)]
pub async fn create(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<UserRequest>,
) -> Result<CreatedResponse<PersonSummary>, ApiError> {
    let user = body.validate()?;
    let (actor, person) = (Actor::Token(&token), user.person());
    let id = new_people::create(&app.ports, actor, &person, user.password(), &origin).await?;
    Ok(CreatedResponse(user.into_summary(id)))
}

/// The changes to a person. A missing member leaves the value unchanged.
#[derive(Deserialize, ToSchema)]
pub struct PersonUpdateRequest {
    /// The new username.
    #[serde(default)]
    username: Option<String>,
    /// The new password. All sessions and tokens of the account are revoked.
    #[serde(default)]
    password: Option<String>,
    /// The former name of `password`.
    #[serde(default)]
    #[schema(deprecated)]
    password_hash: Option<String>,
    /// The new display name.
    #[serde(default)]
    name: Option<String>,
}

/// `PUT /users/{id}`: Changes a person.
///
/// # Errors
/// 403 without `auth.people.write`, and without `auth.administer` for a person with a grant in the
/// service `auth`; 404; 409 if another person has the username.
#[utoipa::path(
    put,
    path = "/users/{id}",
    operation_id = "update_user_person",
    tag = "authorization",
    params(("id" = i64, Path)),
    request_body = PersonUpdateRequest,
    responses((status = 200, body = StatusResponse))
)]
pub async fn update(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    UserIdInPath(id): UserIdInPath,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonUpdateRequest>,
) -> Result<AppJson<StatusResponse>, ApiError> {
    let password = password_of(body.password, body.password_hash)?;
    let (username, name) = (
        body.username.map(|text| username(&text)).transpose()?,
        body.name.map(|text| name(&text)).transpose()?,
    );
    let to = PersonChanges {
        username: username.as_deref(),
        name: name.as_deref(),
        password: password.as_deref(),
    };
    people::update(
        &app.ports,
        Actor::Token(&token),
        &IdOrName::Id(id),
        &to,
        &origin,
    )
    .await?;
    Ok(AppJson(StatusResponse::SUCCESS))
}

/// The response to the deletion of a person, or of the revocation of their tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = Gone)]
pub struct TokensRevokedResponse {
    /// The outcome: `user_deleted` or `tokens_revoked`.
    #[schema(example = "user_deleted")]
    status: &'static str,
    /// The id of the person.
    #[schema(example = 2)]
    user_id: i64,
    /// The number of revoked tokens.
    #[schema(example = 1)]
    revoked_tokens: usize,
}

/// `DELETE /users/{id}`: Deletes a person with their account.
///
/// # Errors
/// 403 without `auth.people.write`, and without `auth.administer` for a person with a grant in the
/// service `auth`; 404; 409 for the last administrator.
#[utoipa::path(
    delete,
    path = "/users/{id}",
    operation_id = "delete_user_person",
    tag = "authorization",
    params(("id" = i64, Path)),
    responses((status = 200, body = TokensRevokedResponse))
)]
pub async fn delete(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    UserIdInPath(id): UserIdInPath,
    origin: RequestOrigin,
) -> Result<AppJson<TokensRevokedResponse>, ApiError> {
    let revoked_tokens = people::delete(&app.ports, &token, id, &origin).await?;
    Ok(AppJson(TokensRevokedResponse {
        status: "user_deleted",
        user_id: id,
        revoked_tokens,
    }))
}

/// `DELETE /users/{id}/tokens`: Revokes every token and session of a person.
///
/// # Errors
/// 403 without `auth.people.write`; 404.
#[utoipa::path(
    delete,
    path = "/users/{id}/tokens",
    operation_id = "revoke_user_tokens",
    tag = "authorization",
    params(("id" = i64, Path)),
    responses((status = 200, body = TokensRevokedResponse))
)]
pub async fn revoke_tokens(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    UserIdInPath(id): UserIdInPath,
    origin: RequestOrigin,
) -> Result<AppJson<TokensRevokedResponse>, ApiError> {
    let revoked_tokens = people::revoke_tokens(&app.ports, &token, id, &origin).await?;
    Ok(AppJson(TokensRevokedResponse {
        status: "tokens_revoked",
        user_id: id,
        revoked_tokens,
    }))
}
