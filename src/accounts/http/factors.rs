//! Factors besides passkeys over HTTP: TOTP and backup codes, and what an account has of them.

use axum::extract::State;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::factors;
use crate::accounts::domain::factors::{backup_codes, totp};
use crate::accounts::http::App;
use crate::accounts::http::caller::{CurrentUser, RecentlyAuthenticated};
use crate::accounts::http::objects::Message;
use crate::accounts::model::backup_code::BackupCode;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::time::Timestamp;

/// TOTP, as its owner sees it. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct TotpState {
    /// Whether it was confirmed, and can be used.
    enabled: bool,
    /// Since when.
    #[schema(required)]
    since: Option<i64>,
}

/// Backup codes, as their owner sees them. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct CodesState {
    /// How many can still be used.
    left: i64,
    /// When they were made.
    #[schema(required)]
    made_at: Option<i64>,
}

/// The password, as its owner sees it. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct PasswordState {
    /// Whether there is one.
    set: bool,
    /// When it was set, or last changed.
    #[schema(required)]
    changed_at: Option<i64>,
}

/// What an account can be recovered with, and proved with.
#[derive(Serialize, ToSchema)]
pub struct FactorsAnswer {
    success: bool,
    totp: TotpState,
    backup_codes: CodesState,
    /// How many passkeys there are.
    passkeys: i64,
    password: PasswordState,
}

/// `GET /api/auth/factors`: what the caller's account has: TOTP, backup codes, passkeys, a
/// password.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(get, path = "/api/auth/factors", operation_id = "factors", tag = "factors", responses((status = 200, body = FactorsAnswer)))]
pub async fn list(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<FactorsAnswer>, ApiError> {
    let found = factors::summary(&app.ports, me.user.id).await?;
    Ok(AppJson(FactorsAnswer {
        success: true,
        totp: TotpState {
            enabled: found.totp_since.is_some(),
            since: found.totp_since.map(Timestamp::millis),
        },
        backup_codes: CodesState {
            left: found.codes.map_or(0, |codes| codes.left),
            made_at: found.codes.map(|codes| codes.created_at.millis()),
        },
        passkeys: found.passkeys,
        password: PasswordState {
            set: found.password_since.is_some(),
            changed_at: found.password_since.map(Timestamp::millis),
        },
    }))
}

/// What an authenticator needs. It is shown once.
#[derive(Serialize, ToSchema)]
pub struct Enrolled {
    success: bool,
    /// Base32, to be typed in.
    secret: String,
    /// `otpauth://totp/…`, to be opened.
    otpauth_uri: String,
    /// The same as a QR code: an SVG document.
    qr_svg: String,
}

/// `POST /api/auth/totp/enroll`: a new TOTP secret. It is good for nothing until it is confirmed by
/// its first code.
///
/// # Errors
/// 409 if TOTP is enabled: disable it first.
#[utoipa::path(post, path = "/api/auth/totp/enroll", operation_id = "enroll_totp", tag = "factors", responses((status = 200, body = Enrolled)))]
pub async fn enroll(
    State(app): State<App>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
) -> Result<AppJson<Enrolled>, ApiError> {
    let enrolment = totp::enrol(&app.ports, &me).await?;
    let code = QrCode::new(enrolment.uri.as_bytes())
        .map_err(|error| ApiError::because(Code::Internal, error.to_string()))?;
    let qr_svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(200, 200)
        .build();
    Ok(AppJson(Enrolled {
        success: true,
        secret: enrolment.secret.to_string(),
        otpauth_uri: enrolment.uri.to_string(),
        qr_svg,
    }))
}

/// A code from an authenticator.
#[derive(Deserialize, ToSchema)]
pub struct CodeRequest {
    /// Six digits; spaces do not matter.
    #[schema(example = "123456")]
    code: String,
}

/// `POST /api/auth/totp/confirm`: enables TOTP with the first code of its secret.
///
/// # Errors
/// 422 for a wrong code, 409 if there is no secret to confirm.
#[utoipa::path(post, path = "/api/auth/totp/confirm", operation_id = "confirm_totp", tag = "factors", request_body = CodeRequest, responses((status = 200, body = Message)))]
pub async fn confirm(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    AppJson(body): AppJson<CodeRequest>,
) -> Result<AppJson<Message>, ApiError> {
    totp::confirm(&app.ports, me.caller(), &body.code, &origin).await?;
    Ok(AppJson(Message::new("TOTP is enabled.")))
}

/// `DELETE /api/auth/totp`: disables TOTP; its secret is forgotten.
///
/// # Errors
/// 409 if it is not enabled.
#[utoipa::path(delete, path = "/api/auth/totp", operation_id = "disable_totp", tag = "factors", responses((status = 200, body = Message)))]
pub async fn disable(
    State(app): State<App>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
) -> Result<AppJson<Message>, ApiError> {
    totp::disable(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(Message::new("TOTP is disabled.")))
}

/// Backup codes. They are shown once.
#[derive(Serialize, ToSchema)]
pub struct Codes {
    success: bool,
    /// Ten, each good for one recovery.
    #[schema(example = json!(["7K2M-9QXA-0RTB-44ZP"]))]
    codes: Vec<String>,
}

/// `POST /api/auth/backup-codes`: ten new backup codes, in place of all from before.
///
/// # Errors
/// 403 `reauthentication_required` if the sign-in is too old.
#[utoipa::path(post, path = "/api/auth/backup-codes", operation_id = "make_backup_codes", tag = "factors", responses((status = 200, body = Codes)))]
pub async fn make_codes(
    State(app): State<App>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
) -> Result<AppJson<Codes>, ApiError> {
    let codes = backup_codes::regenerate(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(Codes {
        success: true,
        codes: codes.iter().map(BackupCode::reveal).collect(),
    }))
}
