//! TOTP and backup codes over HTTP, and the list of an account's factors.

use axum::extract::State;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::factors;
use crate::accounts::domain::factors::{backup_codes, totp};
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::{CurrentUser, RecentlyAuthenticated};
use crate::accounts::http::objects::MessageResponse;
use crate::accounts::model::backup_code::BackupCode;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::time::Timestamp;

/// The state of an account's TOTP. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct TotpState {
    /// Whether TOTP is confirmed and can be used.
    enabled: bool,
    /// When TOTP was confirmed.
    #[schema(required)]
    since: Option<i64>,
}

/// The state of an account's backup codes. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct BackupCodesState {
    /// The number of unused codes.
    left: i64,
    /// When the codes were created.
    #[schema(required)]
    made_at: Option<i64>,
}

/// The state of an account's password. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct PasswordState {
    /// Whether the account has a password.
    set: bool,
    /// When the password was last set.
    #[schema(required)]
    changed_at: Option<i64>,
}

/// The response with the account's factors, for recovery and step-up.
#[derive(Serialize, ToSchema)]
pub struct FactorsResponse {
    success: bool,
    totp: TotpState,
    backup_codes: BackupCodesState,
    /// The number of passkeys.
    passkeys: i64,
    password: PasswordState,
}

/// `GET /api/auth/factors`: returns the state of the caller's TOTP, backup codes, passkeys and
/// password.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/auth/factors",
    operation_id = "factors",
    tag = "factors",
    responses((status = 200, body = FactorsResponse)),
)]
pub async fn list(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<FactorsResponse>, ApiError> {
    let found = factors::summary(&app.ports, me.user.id).await?;
    Ok(AppJson(FactorsResponse {
        success: true,
        totp: TotpState {
            enabled: found.totp_since.is_some(),
            since: found.totp_since.map(Timestamp::millis),
        },
        backup_codes: BackupCodesState {
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

/// The response with a new TOTP secret. The secret is shown once.
#[derive(Serialize, ToSchema)]
pub struct TotpEnrollResponse {
    success: bool,
    /// The secret in base32, to type in.
    secret: String,
    /// The secret as `otpauth://totp/…`, to open.
    otpauth_uri: String,
    /// `otpauth_uri` as a QR code, an SVG document.
    qr_svg: String,
}

/// `POST /api/auth/totp/enroll`: returns a new TOTP secret. It cannot be used until its first code
/// confirms it.
///
/// # Errors
/// 409 if TOTP is already enabled.
#[utoipa::path(
    post,
    path = "/api/auth/totp/enroll",
    operation_id = "enroll_totp",
    tag = "factors",
    responses((status = 200, body = TotpEnrollResponse)),
)]
pub async fn enroll(
    State(app): State<AccountsState>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
) -> Result<AppJson<TotpEnrollResponse>, ApiError> {
    let enrolment = totp::enrol(&app.ports, &me).await?;
    let code = QrCode::new(enrolment.uri.as_bytes())
        .map_err(|error| ApiError::because(Code::Internal, error.to_string()))?;
    let qr_svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(200, 200)
        .build();
    Ok(AppJson(TotpEnrollResponse {
        success: true,
        secret: enrolment.secret.to_string(),
        otpauth_uri: enrolment.uri.to_string(),
        qr_svg,
    }))
}

/// The body of `POST /api/auth/totp/confirm`.
#[derive(Deserialize, ToSchema)]
pub struct TotpConfirmRequest {
    /// The six digits of an authenticator app. Spaces are ignored.
    #[schema(example = "123456")]
    code: String,
}

/// `POST /api/auth/totp/confirm`: enables TOTP with the first code of its secret.
///
/// # Errors
/// 422 for a wrong code; 409 if no secret waits for its confirmation.
#[utoipa::path(
    post,
    path = "/api/auth/totp/confirm",
    operation_id = "confirm_totp",
    tag = "factors",
    request_body = TotpConfirmRequest,
    responses((status = 200, body = MessageResponse)),
)]
pub async fn confirm(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    AppJson(body): AppJson<TotpConfirmRequest>,
) -> Result<AppJson<MessageResponse>, ApiError> {
    totp::confirm(&app.ports, me.caller(), &body.code, &origin).await?;
    Ok(AppJson(MessageResponse::new("TOTP is enabled.")))
}

/// `DELETE /api/auth/totp`: disables TOTP and deletes its secret.
///
/// # Errors
/// 409 if TOTP is not enabled.
#[utoipa::path(
    delete,
    path = "/api/auth/totp",
    operation_id = "disable_totp",
    tag = "factors",
    responses((status = 200, body = MessageResponse)),
)]
pub async fn disable(
    State(app): State<AccountsState>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
) -> Result<AppJson<MessageResponse>, ApiError> {
    totp::disable(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(MessageResponse::new("TOTP is disabled.")))
}

/// The response with new backup codes. The codes are shown once.
#[derive(Serialize, ToSchema)]
pub struct BackupCodesResponse {
    success: bool,
    /// Ten codes. Each can be used for one recovery.
    #[schema(example = json!(["7K2M-9QXA-0RTB-44ZP"]))]
    codes: Vec<String>,
}

/// `POST /api/auth/backup-codes`: creates ten backup codes and deletes all older ones.
///
/// # Errors
/// 403 `reauthentication_required` if the last authentication is too old.
#[utoipa::path(
    post,
    path = "/api/auth/backup-codes",
    operation_id = "make_backup_codes",
    tag = "factors",
    responses((status = 200, body = BackupCodesResponse)),
)]
pub async fn make_codes(
    State(app): State<AccountsState>,
    RecentlyAuthenticated(me): RecentlyAuthenticated,
    origin: RequestOrigin,
) -> Result<AppJson<BackupCodesResponse>, ApiError> {
    let codes = backup_codes::regenerate(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(BackupCodesResponse {
        success: true,
        codes: codes.iter().map(BackupCode::reveal).collect(),
    }))
}
