//! Passwords over HTTP: sign-in, setting, changing and removing a password.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::passwords;
use crate::accounts::domain::passwords::PasswordCredentials;
use crate::accounts::http::AccountsState;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::caller::RecentlyAuthenticated;
use crate::accounts::http::objects::{AuthResponse, MessageResponse};
use crate::accounts::http::webauthn::Client;
use crate::accounts::model::email::Email;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};

/// The body of `POST /api/auth/password/sign-in`, with exactly one of `email` and `username`.
#[derive(Deserialize, ToSchema)]
pub struct PasswordSignInRequest {
    /// The account's address.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// The person's username.
    #[serde(default, deserialize_with = "absent_if_empty")]
    username: Option<String>,
    /// The password.
    password: String,
    /// The six digits of an authenticator app. Required if TOTP is enabled; without them the
    /// response is `second_factor_required`.
    #[serde(default, deserialize_with = "absent_if_empty")]
    code: Option<String>,
}

/// An `AuthResponse` with a session and a token pair.
#[derive(Serialize, ToSchema)]
pub struct PasswordSignInResponse {
    #[serde(flatten)]
    auth: AuthResponse,
    /// Authentication methods (RFC 8176).
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    amr: Vec<String>,
}

/// `POST /api/auth/password/sign-in`: signs in with a password and, if TOTP is enabled, a TOTP
/// code. Browsers also get the session as a cookie.
///
/// # Errors
/// The same 401 for an unknown name, a wrong password and a wrong code; `second_factor_required` if
/// only the code is missing.
#[utoipa::path(
    post,
    path = "/api/auth/password/sign-in",
    operation_id = "password_sign_in",
    tag = "passwords",
    request_body = PasswordSignInRequest,
    responses((status = 200, body = PasswordSignInResponse)),
)]
pub async fn sign_in(
    State(app): State<AccountsState>,
    mut client: Client,
    device: DeviceProof,
    origin: RequestOrigin,
    AppJson(body): AppJson<PasswordSignInRequest>,
) -> Result<AppJson<PasswordSignInResponse>, ApiError> {
    let email = body
        .email
        .map(|email| Email::parse(&email).ok_or(Code::InvalidEmail))
        .transpose()?;
    let name = passwords::login_name(email.as_ref(), body.username.as_deref());
    let name =
        name.ok_or_else(|| ApiError::because(Code::InvalidBody, "not one of email and username"))?;
    client.verify_device(&app, &device).await?;
    let shown = PasswordCredentials {
        owner: name.into(),
        password: &body.password,
        code: body.code.as_deref(),
    };
    let (complete, amr) = passwords::sign_in(&app.ports, &shown, &client.place, &origin).await?;
    client.remember_session(&complete);
    Ok(AppJson(PasswordSignInResponse {
        auth: complete.into(),
        amr: amr.methods().to_vec(),
    }))
}

/// The body of `PUT /api/auth/password`.
#[derive(Deserialize, ToSchema)]
pub struct PasswordSetRequest {
    /// The new password: 8 to 256 characters of any kind. The server can require more than 8.
    password: String,
}

/// `PUT /api/auth/password`: sets or replaces the account's password. All other sessions of the
/// account end.
///
/// # Errors
/// 403 `reauthentication_required` if the last authentication is too old; 422 for a password that
/// is not accepted.
#[utoipa::path(
    put,
    path = "/api/auth/password",
    operation_id = "set_password",
    tag = "passwords",
    request_body = PasswordSetRequest,
    responses((status = 200, body = MessageResponse)),
)]
pub async fn set(
    State(app): State<AccountsState>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
    AppJson(body): AppJson<PasswordSetRequest>,
) -> Result<AppJson<MessageResponse>, ApiError> {
    passwords::set(&app.ports, &me, &body.password, &origin).await?;
    Ok(AppJson(MessageResponse::new(
        "The password is set. All other sessions have ended.",
    )))
}

/// `DELETE /api/auth/password`: removes the account's password.
///
/// # Errors
/// 404 if the account has no password; 409 if it is the last way to sign in.
#[utoipa::path(
    delete,
    path = "/api/auth/password",
    operation_id = "remove_password",
    tag = "passwords",
    responses((status = 200, body = MessageResponse)),
)]
pub async fn remove(
    State(app): State<AccountsState>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
) -> Result<AppJson<MessageResponse>, ApiError> {
    passwords::remove(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(MessageResponse::new("The password was removed.")))
}
