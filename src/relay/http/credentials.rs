//! What proves who an account's owner is: TOTP and the password; and the deletion, which needs it.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::face;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;
use crate::relay::domain::accounts;
use crate::relay::http::RelayState;
use crate::relay::http::body::{BodyFields, invalid};
use crate::relay::http::errors::{MOST_PASSWORD_CHARS, password_failure, totp_failure};
use crate::relay::http::member::Member;
use crate::relay::http::objects::RelayMessage;

/// A new TOTP secret. It is shown once.
#[derive(Serialize, ToSchema)]
pub struct TotpSecret {
    /// The secret in base32.
    secret: String,
    /// The secret as `otpauth://totp/…`, for a QR code.
    qr_code_uri: String,
}

/// `POST /api/v1/auth/totp/setup`: Returns a new TOTP secret. It counts after its first code.
///
/// # Errors
/// 409 if TOTP is enabled.
#[utoipa::path(
    post,
    path = "/api/v1/auth/totp/setup",
    operation_id = "relay_totp_setup",
    tag = "relay",
    responses((status = 200, body = TotpSecret)),
)]
pub async fn totp_setup(
    State(app): State<RelayState>,
    Member(me): Member,
) -> Result<AppJson<TotpSecret>, ApiError> {
    let enrolment = face::totp::enrol(&app.ports.accounts, &me)
        .await
        .map_err(totp_failure)?;
    Ok(AppJson(TotpSecret {
        secret: enrolment.secret.to_string(),
        qr_code_uri: enrolment.uri.to_string(),
    }))
}

/// A TOTP code.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct TotpCodeRequest {
    /// The six digits of an authenticator app.
    code: String,
}

/// `POST /api/v1/auth/totp/verify`: Enables TOTP with the first code of its secret.
///
/// # Errors
/// 400 for a wrong code; 409 if TOTP is enabled, or no secret waits for its first code.
#[utoipa::path(
    post,
    path = "/api/v1/auth/totp/verify",
    operation_id = "relay_totp_verify",
    tag = "relay",
    request_body = TotpCodeRequest,
    responses((status = 200, body = RelayMessage)),
)]
pub async fn totp_verify(
    State(app): State<RelayState>,
    Member(me): Member,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let code = body.text("code")?;
    face::totp::confirm(&app.ports.accounts, me.caller(), &code, &origin)
        .await
        .map_err(totp_failure)?;
    Ok(AppJson(RelayMessage::new("TOTP is enabled.")))
}

/// A TOTP code, or no body after a recent sign-in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct TotpDisableRequest {
    /// The six digits of an authenticator app.
    code: Option<String>,
}

/// `DELETE /api/v1/auth/totp`: Disables TOTP. Needs a recent sign-in or an unused code.
///
/// # Errors
/// 403 if the sign-in is too old; 409 if TOTP is not enabled.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/totp",
    operation_id = "relay_totp_disable",
    tag = "relay",
    request_body = TotpDisableRequest,
    responses((status = 200, body = RelayMessage)),
)]
pub async fn totp_disable(
    State(app): State<RelayState>,
    Member(me): Member,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let code = body.optional_text("code")?;
    let accounts = &app.ports.accounts;
    let disabled = match &code {
        Some(code) => face::totp::disable_with_code(accounts, me.caller(), code, &origin).await,
        None if me.is_recent(app.ports.config.recent_authentication) => {
            face::totp::disable(accounts, me.caller(), &origin).await
        }
        None => {
            let max_age = app.ports.config.recent_authentication.as_secs();
            return Err(ApiError::reauthenticate(vec!["totp", "sign_in"], max_age));
        }
    };
    disabled.map_err(totp_failure)?;
    Ok(AppJson(RelayMessage::new("TOTP is disabled.")))
}

/// A change of the password.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct RelayPasswordRequest {
    /// The current password.
    current_password: String,
    /// The new password: 8 to 128 characters.
    new_password: String,
}

/// `PUT /api/v1/auth/password`: Changes the password. All other sessions of the account end.
///
/// # Errors
/// 401 if the current password is wrong; 400 if the new one is not accepted.
#[utoipa::path(
    put,
    path = "/api/v1/auth/password",
    operation_id = "relay_change_password",
    tag = "relay",
    request_body = RelayPasswordRequest,
    responses((status = 200, body = RelayMessage)),
)]
pub async fn change_password(
    State(app): State<RelayState>,
    Member(me): Member,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let (current, new) = (body.text("current_password")?, body.text("new_password")?);
    if new.chars().count() > MOST_PASSWORD_CHARS {
        return Err(invalid("new_password must be 8 to 128 characters."));
    }
    accounts::change_password(&app.ports, &me, &current, &new, &origin)
        .await
        .map_err(|failure| password_failure(failure, "new_password"))?;
    Ok(AppJson(RelayMessage::new(
        "The password is changed. All other sessions have ended.",
    )))
}

/// The confirmation of a deletion.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct RelayDeletionRequest {
    /// The password.
    password: String,
}

/// `POST /api/v1/auth/delete-account`: Deletes the account with all of its data.
///
/// Its messages stay until they expire, because the server does not know who sent them. Their
/// secrets remove them before.
///
/// # Errors
/// 401 if the password is wrong.
#[utoipa::path(
    post,
    path = "/api/v1/auth/delete-account",
    operation_id = "relay_delete_account",
    tag = "relay",
    request_body = RelayDeletionRequest,
    responses((status = 200, body = RelayMessage)),
)]
pub async fn delete_account(
    State(app): State<RelayState>,
    Member(me): Member,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<AppJson<RelayMessage>, ApiError> {
    let password = body.text("password")?;
    accounts::delete(&app.ports, &me, &password, &origin)
        .await
        .map_err(|failure| password_failure(failure, "password"))?;
    Ok(AppJson(RelayMessage::new("Your account is deleted.")))
}
