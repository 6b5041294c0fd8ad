//! Passwords over HTTP: signing in with one, setting, changing and removing it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::passwords;
use crate::accounts::domain::passwords::PasswordCredentials;
use crate::accounts::http::App;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::caller::RecentlyAuthenticated;
use crate::accounts::http::objects::{AuthResponse, Message};
use crate::accounts::http::webauthn::Client;
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};

/// Who signs in, and with what. Exactly one of `email` and `username`.
#[derive(Deserialize, ToSchema)]
pub struct SignInRequest {
    /// The account's address.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// The person's username, where they have one.
    #[serde(default, deserialize_with = "absent_if_empty")]
    username: Option<String>,
    /// The password.
    password: String,
    /// The six digits of an authenticator app, where TOTP is enabled: without them
    /// `second_factor_required` is the answer.
    #[serde(default, deserialize_with = "absent_if_empty")]
    code: Option<String>,
}

/// A sign-in by password: an `AuthResponse` with a session and a pair.
#[derive(Serialize, ToSchema)]
pub struct PasswordSignIn {
    #[serde(flatten)]
    auth: AuthResponse,
    /// Authentication methods (RFC 8176).
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    amr: Vec<String>,
}

/// `POST /api/auth/password/sign-in`: signs in with a password, and a TOTP code where that is
/// enabled. Browsers get the session as a cookie too.
///
/// # Errors
/// The same 401 for an unknown name, a wrong password and a wrong code; `second_factor_required` if
/// only the code is missing.
#[utoipa::path(post, path = "/api/auth/password/sign-in", operation_id = "password_sign_in", tag = "passwords", request_body = SignInRequest, responses((status = 200, body = PasswordSignIn)))]
pub async fn sign_in(
    State(app): State<App>,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<SignInRequest>,
) -> Result<AppJson<PasswordSignIn>, ApiError> {
    let email = body
        .email
        .map(|email| Email::parse(&email).ok_or(Code::InvalidEmail))
        .transpose()?;
    let name = passwords::login_name(email.as_ref(), body.username.as_deref());
    let name =
        name.ok_or_else(|| ApiError::because(Code::InvalidBody, "not one of email and username"))?;
    client.look_at_device(&app, &device).await?;
    let shown = PasswordCredentials {
        name,
        password: &body.password,
        code: body.code.as_deref(),
    };
    let (complete, amr) = passwords::sign_in(&app.ports, &shown, &client.place, &origin).await?;
    client.remember(&complete);
    Ok(AppJson(PasswordSignIn {
        auth: complete.into(),
        amr: amr.methods().to_vec(),
    }))
}

/// A password to set.
#[derive(Deserialize, ToSchema)]
pub struct SetRequest {
    /// The new password: 8 to 256 characters, of which kinds does not matter.
    password: String,
}

/// `PUT /api/auth/password`: sets the account's password, or another one in its place. Everything
/// else that is signed in to the account ends.
///
/// # Errors
/// 403 `reauthentication_required` if the sign-in is too old; 422 for a password that cannot be
/// chosen.
#[utoipa::path(put, path = "/api/auth/password", operation_id = "set_password", tag = "passwords", request_body = SetRequest, responses((status = 200, body = Message)))]
pub async fn set(
    State(app): State<App>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
    AppJson(body): AppJson<SetRequest>,
) -> Result<AppJson<Message>, ApiError> {
    passwords::set(&app.ports, &me, &body.password, &origin).await?;
    Ok(AppJson(Message::new(
        "The password is set; every other sign-in has ended.",
    )))
}

/// `DELETE /api/auth/password`: removes the account's password.
///
/// # Errors
/// 404 if there is none; 409 if it is the last way to sign in.
#[utoipa::path(delete, path = "/api/auth/password", operation_id = "remove_password", tag = "passwords", responses((status = 200, body = Message)))]
pub async fn remove(
    State(app): State<App>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
) -> Result<AppJson<Message>, ApiError> {
    passwords::remove(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(Message::new("The password is removed.")))
}
