//! The caller's own account over HTTP: reading, changing and deleting it.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::accounts::domain::users;
use crate::accounts::domain::users::{FieldChange, UserChanges};
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::{
    CurrentUser, CurrentUserOrRecovering, OwnAccount, RecentlyAuthenticated,
};
use crate::accounts::http::cookie::SessionCookie;
use crate::accounts::http::objects::{MessageResponse, UserResponse};
use crate::accounts::http::sessions::with_cleared_cookie;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::text;

/// `GET /api/users/me`: returns the caller's account.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/users/me",
    tag = "users",
    responses((status = 200, body = UserResponse)),
)]
pub async fn me(CurrentUserOrRecovering(me): CurrentUserOrRecovering) -> AppJson<UserResponse> {
    AppJson(me.user.into())
}

/// `GET /api/users/{user_id}`: returns an account. Only the caller's own id is accepted.
///
/// # Errors
/// The same 404 for every other id.
#[utoipa::path(
    get,
    path = "/api/users/{user_id}",
    tag = "users",
    params(("user_id" = String, Path, description = "The caller's own id.")),
    responses((status = 200, body = UserResponse)),
)]
pub async fn by_id(OwnAccount(me): OwnAccount) -> AppJson<UserResponse> {
    AppJson(me.user.into())
}

/// The body of `PUT /api/users/me`. Absent and empty fields keep their value; null clears a field.
#[derive(Deserialize, ToSchema)]
pub struct UserUpdateRequest {
    /// The new name: 1 to 200 printable characters.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<String>)]
    name: FieldChange,
    /// The new picture: an `https` URL.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<String>)]
    picture: FieldChange,
}

/// Reads a field that is present. Serde does not call it for an absent field, which keeps its
/// value.
fn change<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FieldChange, D::Error> {
    Ok(match Option::<String>::deserialize(deserializer)? {
        None => FieldChange::Clear,
        Some(text) if text.is_empty() => FieldChange::Keep,
        Some(text) => FieldChange::Set(text),
    })
}

fn checked(
    change: FieldChange,
    check: fn(&str) -> Option<String>,
    code: Code,
) -> Result<FieldChange, Code> {
    match change {
        FieldChange::Set(text) => check(&text).ok_or(code).map(FieldChange::Set),
        kept_or_emptied => Ok(kept_or_emptied),
    }
}

/// `PUT /api/users/me`: changes the name or the picture and returns the account.
///
/// # Errors
/// 422 for a field that is not valid. Nothing is changed then.
#[utoipa::path(
    put,
    path = "/api/users/me",
    tag = "users",
    request_body = UserUpdateRequest,
    responses((status = 200, body = UserResponse)),
)]
pub async fn update(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    AppJson(body): AppJson<UserUpdateRequest>,
) -> Result<AppJson<UserResponse>, ApiError> {
    let changes = UserChanges {
        name: checked(body.name, text::name, Code::InvalidName)?,
        picture: checked(body.picture, text::picture, Code::InvalidPicture)?,
    };
    let user = users::update(&app.ports, me, &changes, &origin).await?;
    Ok(AppJson(user.into()))
}

/// `DELETE /api/users/me`: deletes the account and all of its data. This cannot be undone.
///
/// # Errors
/// 403 `reauthentication_required` if the last authentication is too old.
#[utoipa::path(
    delete,
    path = "/api/users/me",
    tag = "users",
    responses((status = 200, body = MessageResponse)),
)]
pub async fn delete(
    State(app): State<AccountsState>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
    cookie: SessionCookie,
) -> Result<Response, ApiError> {
    users::delete(&app.ports, me.caller(), &origin).await?;
    Ok(with_cleared_cookie(
        &cookie,
        MessageResponse::new("Your account is deleted."),
    ))
}
