//! The caller's own account: read, changed, deleted.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::accounts::domain::users;
use crate::accounts::http::App;
use crate::accounts::http::caller::{AlsoRecovering, CurrentUser, RecentlyAuthenticated};
use crate::accounts::http::cookie::Shape;
use crate::accounts::http::objects::{Message, User};
use crate::accounts::http::sessions::with_cleared_cookie;
use crate::accounts::store::users::{FieldChange, UserChanges};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::text;

/// `GET /api/users/me`: the caller's account.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(get, path = "/api/users/me", tag = "users", responses((status = 200, body = User)))]
pub async fn me(AlsoRecovering(me): AlsoRecovering) -> AppJson<User> {
    AppJson(me.user.into())
}

/// `GET /api/users/{user_id}`: an account; the caller's own only.
///
/// # Errors
/// The same 404 for every other.
#[utoipa::path(get, path = "/api/users/{user_id}", tag = "users", params(("user_id" = String, Path, description = "The caller's own id.")),
    responses((status = 200, body = User)))]
pub async fn by_id(
    CurrentUser(me): CurrentUser,
    Path(user_id): Path<String>,
) -> Result<AppJson<User>, ApiError> {
    if UserId::parse(&user_id) != Some(me.user.id) {
        return Err(Code::UserNotFound.into());
    }
    Ok(AppJson(me.user.into()))
}

/// What to change. An absent field stays as it is, and so does an empty one; null empties it.
#[derive(Deserialize, ToSchema)]
pub struct Update {
    /// 1 to 200 printable characters.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<String>)]
    name: FieldChange,
    /// An `https` address.
    #[serde(default, deserialize_with = "change")]
    #[schema(value_type = Option<String>)]
    picture: FieldChange,
}

/// Called only for a field that is there: null is not the same as absent.
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

/// `PUT /api/users/me`: changes name or picture and gives the account.
///
/// # Errors
/// 422 for a field that is not valid; nothing is changed then.
#[utoipa::path(put, path = "/api/users/me", tag = "users", request_body = Update, responses((status = 200, body = User)))]
pub async fn update(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    AppJson(body): AppJson<Update>,
) -> Result<AppJson<User>, ApiError> {
    let changes = UserChanges {
        name: checked(body.name, text::name, Code::InvalidName)?,
        picture: checked(body.picture, text::picture, Code::InvalidPicture)?,
    };
    let user = users::update(&app.ports, me, &changes, &origin).await?;
    Ok(AppJson(user.into()))
}

/// `DELETE /api/users/me`: deletes the account and everything that hangs on it. Cannot be undone.
///
/// # Errors
/// 403 `reauthentication_required` if the sign-in is older than ten minutes.
#[utoipa::path(delete, path = "/api/users/me", tag = "users", responses((status = 200, body = Message)))]
pub async fn delete(
    State(app): State<App>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
    cookie: Shape,
) -> Result<Response, ApiError> {
    users::delete(&app.ports, me.caller(), &origin).await?;
    Ok(with_cleared_cookie(
        &cookie,
        Message::new("Your account is deleted."),
    ))
}
