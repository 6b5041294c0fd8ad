//! People, as accounts.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::model::email::Email;
use crate::authorization::domain::Actor;
use crate::authorization::domain::people;
use crate::authorization::domain::people::{Changes, NewPerson};
use crate::authorization::http::App;
use crate::authorization::http::auth::username;
use crate::authorization::http::{Created, Paged, Status, Token, UserNumber, bad};
use crate::authorization::model::names as words;
use crate::authorization::store::Ref;
use crate::authorization::store::people::Person;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::{AppJson, absent_if_empty};
use crate::kernel::model::text;

/// A person.
#[derive(Serialize, ToSchema)]
pub struct PersonAnswer {
    /// Their id.
    #[schema(example = 2)]
    id: i64,
    /// Their username.
    #[schema(example = "usr1")]
    username: String,
    /// Their name.
    #[schema(example = "User One")]
    name: String,
}

impl From<Person> for PersonAnswer {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            username: person.username,
            name: person.name,
        }
    }
}

/// Somebody to make.
#[derive(Deserialize, ToSchema)]
pub struct UserRequest {
    /// 1 to 64 letters, digits and `._@+-`, unique; case counts.
    #[schema(example = "usr6")]
    username: String,
    /// Their password: 8 to 256 characters.
    #[serde(default)]
    password: Option<String>,
    /// The same, as it used to be called. It holds the password, no hash.
    #[serde(default)]
    #[schema(deprecated)]
    password_hash: Option<String>,
    /// 1 to 200 printable characters.
    #[schema(example = "User Six")]
    name: String,
    /// Their address, if they have one; nobody vouches for it.
    #[serde(default, deserialize_with = "absent_if_empty")]
    email: Option<String>,
    /// `N`, a natural person, or `J`, a legal one.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "N")]
    person_type: Option<String>,
    /// `DNI`, `CE` or `RUC`; with `document_number`.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "DNI")]
    document_type: Option<String>,
    /// 1 to 20 letters and digits; with `document_type`.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "00000016")]
    document_number: Option<String>,
}

/// What was read of it.
pub struct NewUser {
    username: String,
    name: String,
    password: String,
    email: Option<Email>,
    person_type: Option<String>,
    document: Option<(String, String)>,
}

/// The password under either of its names.
fn password_of(
    password: Option<String>,
    password_hash: Option<String>,
) -> Result<Option<String>, ApiError> {
    match (password, password_hash) {
        (Some(_), Some(_)) => Err(bad(
            "Send the password once: as password, or as password_hash.",
        )),
        (password, password_hash) => Ok(password.or(password_hash)),
    }
}

fn name(name: &str) -> Result<String, ApiError> {
    text::name(name).ok_or_else(|| bad("name: 1 to 200 printable characters."))
}

impl UserRequest {
    /// Reads it.
    ///
    /// # Errors
    /// 400 `invalid_request_body`
    pub fn read(self) -> Result<NewUser, ApiError> {
        let password = password_of(self.password, self.password_hash)?
            .ok_or_else(|| bad("password: is missing."))?;
        let read = |text: Option<String>, read: fn(&str) -> Option<String>, detail| {
            text.map(|text| read(&text).ok_or_else(|| bad(detail)))
                .transpose()
        };
        let document_type = read(
            self.document_type,
            words::document_type,
            "document_type: DNI, CE or RUC.",
        )?;
        let document_number = read(
            self.document_number,
            words::document_number,
            "document_number: 1 to 20 letters and digits.",
        )?;
        let document = match (document_type, document_number) {
            (Some(kind), Some(number)) => Some((kind, number)),
            (None, None) => None,
            _ => return Err(bad("document_type and document_number go together.")),
        };
        let email = self
            .email
            .map(|email| Email::parse(&email).ok_or_else(|| bad("email: is not an address.")))
            .transpose()?;
        Ok(NewUser {
            username: username(&self.username)?,
            name: name(&self.name)?,
            password,
            email,
            person_type: read(self.person_type, words::person_type, "person_type: N or J.")?,
            document,
        })
    }
}

impl NewUser {
    /// As the use case takes it.
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
                .map(|(kind, number)| (kind.as_str(), number.as_str())),
        }
    }

    /// Their password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The answer, once they are made.
    #[must_use]
    pub fn made(self, id: i64) -> PersonAnswer {
        PersonAnswer {
            id,
            username: self.username,
            name: self.name,
        }
    }
}

/// `GET /users`: a page of all people, by id.
///
/// # Errors
/// 403 without `auth.people.read`.
#[utoipa::path(get, path = "/users", operation_id = "list_users", tag = "authorization", params(("limit" = Option<i64>, Query), ("after" = Option<i64>, Query)), responses((status = 200, body = Vec<PersonAnswer>)))]
pub async fn list(
    State(app): State<App>,
    Token(token): Token,
    paged: Paged,
) -> Result<Response, ApiError> {
    let list = people::list(&app.ports, &token, paged.page()).await?;
    Ok(paged.answer(list, |person| person.id, PersonAnswer::from))
}

/// `GET /users/{id}`: one of them; oneself without a permission.
///
/// # Errors
/// 403 without `auth.people.read`; 404.
#[utoipa::path(get, path = "/users/{id}", operation_id = "get_user", tag = "authorization", params(("id" = i64, Path)), responses((status = 200, body = PersonAnswer)))]
pub async fn one(
    State(app): State<App>,
    Token(token): Token,
    UserNumber(id): UserNumber,
) -> Result<AppJson<PersonAnswer>, ApiError> {
    Ok(AppJson(people::one(&app.ports, &token, id).await?.into()))
}

/// `POST /users`: makes an account with a password.
///
/// # Errors
/// 403 without `auth.people.write`; 409 for a username or a document that somebody has.
#[utoipa::path(post, path = "/users", operation_id = "create_user_person", tag = "authorization", request_body = UserRequest, responses((status = 201, body = PersonAnswer)))]
pub async fn create(
    State(app): State<App>,
    Token(token): Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<UserRequest>,
) -> Result<Created<PersonAnswer>, ApiError> {
    let user = body.read()?;
    let id = people::create(
        &app.ports,
        Actor::Token(&token),
        &user.person(),
        user.password(),
        &origin,
    )
    .await?;
    Ok(Created(user.made(id)))
}

/// What becomes of somebody. What is missing stays as it is.
#[derive(Deserialize, ToSchema)]
pub struct PersonUpdateRequest {
    /// Another username.
    #[serde(default)]
    username: Option<String>,
    /// Another password: everything that is signed in to the account ends.
    #[serde(default)]
    password: Option<String>,
    /// The same, as it used to be called.
    #[serde(default)]
    #[schema(deprecated)]
    password_hash: Option<String>,
    /// Another name.
    #[serde(default)]
    name: Option<String>,
}

/// `PUT /users/{id}`: changes somebody.
///
/// # Errors
/// 403 without `auth.people.write`, and for somebody who has a say in the service itself without
/// `auth.administer`; 404; 409.
#[utoipa::path(put, path = "/users/{id}", operation_id = "update_user_person", tag = "authorization", params(("id" = i64, Path)), request_body = PersonUpdateRequest, responses((status = 200, body = Status)))]
pub async fn update(
    State(app): State<App>,
    Token(token): Token,
    UserNumber(id): UserNumber,
    origin: RequestOrigin,
    AppJson(body): AppJson<PersonUpdateRequest>,
) -> Result<AppJson<Status>, ApiError> {
    let password = password_of(body.password, body.password_hash)?;
    let (username, name) = (
        body.username.map(|text| username(&text)).transpose()?,
        body.name.map(|text| name(&text)).transpose()?,
    );
    let to = Changes {
        username: username.as_deref(),
        name: name.as_deref(),
        password: password.as_deref(),
    };
    people::update(&app.ports, Actor::Token(&token), &Ref::Id(id), &to, &origin).await?;
    Ok(AppJson(Status::SUCCESS))
}

/// What was deleted, or revoked.
#[derive(Serialize, ToSchema)]
pub struct Gone {
    /// `user_deleted`, `tokens_revoked`
    #[schema(example = "user_deleted")]
    status: &'static str,
    /// Whose.
    #[schema(example = 2)]
    user_id: i64,
    /// How many tokens were revoked.
    #[schema(example = 1)]
    revoked_tokens: usize,
}

/// `DELETE /users/{id}`: deletes somebody with their account and all that hangs on it.
///
/// # Errors
/// 403 without `auth.people.write`, and for somebody who has a say in the service itself without
/// `auth.administer`; 404; 409 for the last administrator.
#[utoipa::path(delete, path = "/users/{id}", operation_id = "delete_user_person", tag = "authorization", params(("id" = i64, Path)), responses((status = 200, body = Gone)))]
pub async fn delete(
    State(app): State<App>,
    Token(token): Token,
    UserNumber(id): UserNumber,
    origin: RequestOrigin,
) -> Result<AppJson<Gone>, ApiError> {
    let revoked_tokens = people::delete(&app.ports, &token, id, &origin).await?;
    Ok(AppJson(Gone {
        status: "user_deleted",
        user_id: id,
        revoked_tokens,
    }))
}

/// `DELETE /users/{id}/tokens`: revokes every token of somebody.
///
/// # Errors
/// 403 without `auth.people.write`; 404.
#[utoipa::path(delete, path = "/users/{id}/tokens", operation_id = "revoke_user_tokens", tag = "authorization", params(("id" = i64, Path)), responses((status = 200, body = Gone)))]
pub async fn revoke_tokens(
    State(app): State<App>,
    Token(token): Token,
    UserNumber(id): UserNumber,
    origin: RequestOrigin,
) -> Result<AppJson<Gone>, ApiError> {
    let revoked_tokens = people::revoke_tokens(&app.ports, &token, id, &origin).await?;
    Ok(AppJson(Gone {
        status: "tokens_revoked",
        user_id: id,
        revoked_tokens,
    }))
}
