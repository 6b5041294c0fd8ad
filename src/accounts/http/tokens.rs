//! Token pairs over HTTP: refresh, validation, listing and revocation.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::devices::assertion_check;
use crate::accounts::domain::tokens;
use crate::accounts::domain::tokens::RotateRejection;
use crate::accounts::http::AccountsState;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::caller::{CurrentUser, OwnAccount, ValidatedCredential};
use crate::accounts::http::objects::{AuthResponse, MessageResponse};
use crate::accounts::http::sessions::ValidateResponse;
use crate::accounts::model::records::Session;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::secret::RefreshToken;
use crate::kernel::model::time::Timestamp;

/// The body of `POST /api/auth/tokens/refresh`.
#[derive(Deserialize, ToSchema)]
pub struct RefreshRequest {
    /// The refresh token.
    #[serde(alias = "refreshToken")]
    refresh_token: String,
}

/// `POST /api/auth/tokens/refresh`: exchanges a refresh token for a new token pair, once.
///
/// A caller who lost the response may repeat the request within 30 seconds and gets the same
/// refresh token. A later repeat revokes the session.
///
/// # Errors
/// The same 401 for every token that cannot be exchanged.
#[utoipa::path(
    post,
    path = "/api/auth/tokens/refresh",
    tag = "tokens",
    request_body = RefreshRequest,
    responses((status = 200, body = AuthResponse)),
)]
pub async fn refresh(
    State(app): State<AccountsState>,
    origin: RequestOrigin,
    device: DeviceProof,
    AppJson(body): AppJson<RefreshRequest>,
) -> Result<AppJson<AuthResponse>, ApiError> {
    let presented = RefreshToken::parse(&body.refresh_token).ok_or(RotateRejection::Invalid)?;
    assertion_check::require_assertion_for_refresh(
        &app.ports,
        &presented,
        device.shown(),
        &device.request(),
        &origin,
    )
    .await?;
    let lifetime = app.ports.config.access_token_ttl;
    let pair = tokens::rotate(&app.ports, &presented, lifetime, &origin).await?;
    Ok(AppJson(pair.into()))
}

/// `GET /api/auth/tokens/validate`: validates the presented credential and returns its account.
///
/// # Errors
/// 401 for every other credential.
#[utoipa::path(
    get,
    path = "/api/auth/tokens/validate",
    operation_id = "validate_token",
    tag = "tokens",
    responses((status = 200, body = ValidateResponse)),
)]
pub async fn validate(
    ValidatedCredential(signed_in): ValidatedCredential,
) -> AppJson<ValidateResponse> {
    AppJson(signed_in.into())
}

/// A session with a token pair. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct TokenEntry {
    /// The session's id. It is not a secret.
    #[schema(format = "uuid")]
    id: String,
    /// `web`, `ios` or `api`.
    platform: &'static str,
    /// The client's `User-Agent`.
    #[schema(required)]
    user_agent: Option<String>,
    /// When the token pair was last refreshed.
    last_used: i64,
    /// When the session was created.
    created_at: i64,
    /// When the newest access token expires.
    #[schema(required)]
    access_expires_at: Option<i64>,
    /// When the refresh token expires.
    #[schema(required)]
    refresh_expires_at: Option<i64>,
    /// Whether this request was made with the session.
    current: bool,
}

impl TokenEntry {
    fn new(session: Session, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            platform: session.platform.as_str(),
            user_agent: session.user_agent,
            last_used: session.last_used_at.millis(),
            created_at: session.created_at.millis(),
            access_expires_at: session.access_expires_at.map(Timestamp::millis),
            refresh_expires_at: session.refresh_expires_at.map(Timestamp::millis),
            current: session.id == current,
        }
    }
}

/// The response with the live sessions that have a token pair.
#[derive(Serialize, ToSchema)]
pub struct TokenListResponse {
    success: bool,
    /// Newest first, at most 200.
    tokens: Vec<TokenEntry>,
}

/// `GET /api/users/me/tokens`: returns the account's live sessions that have a token pair.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/users/me/tokens",
    tag = "tokens",
    responses((status = 200, body = TokenListResponse)),
)]
pub async fn list(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<TokenListResponse>, ApiError> {
    let sessions = tokens::list(&app.ports, me.user.id).await?;
    let tokens = sessions
        .into_iter()
        .map(|session| TokenEntry::new(session, me.session.id))
        .collect();
    Ok(AppJson(TokenListResponse {
        success: true,
        tokens,
    }))
}

/// `DELETE /api/auth/tokens/{token_id}/revoke`: ends a session of the caller's account. The request
/// can be repeated safely.
///
/// # Errors
/// The same 404 for an unknown session and for one of another account.
#[utoipa::path(
    delete,
    path = "/api/auth/tokens/{token_id}/revoke",
    tag = "tokens",
    params(("token_id" = String, Path, description = "The id from the list.")),
    responses((status = 200, body = MessageResponse)),
)]
pub async fn revoke(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    Path(token_id): Path<String>,
) -> Result<AppJson<MessageResponse>, ApiError> {
    let id = SessionId::parse(&token_id).ok_or(Code::TokenNotFound)?;
    tokens::revoke(&app.ports, me.caller(), id, &origin).await?;
    Ok(AppJson(MessageResponse::new("The token is revoked.")))
}

/// The response with the number of revoked sessions.
#[derive(Serialize, ToSchema)]
pub struct RevokeAllResponse {
    success: bool,
    /// A sentence for users.
    message: &'static str,
    /// The number of revoked sessions.
    revoked: usize,
}

impl RevokeAllResponse {
    /// Returns the response with a sentence for users.
    #[must_use]
    pub const fn new(message: &'static str, revoked: usize) -> Self {
        Self {
            success: true,
            message,
            revoked,
        }
    }
}

/// `DELETE /api/auth/users/{user_id}/tokens/revoke`: ends all sessions of the caller's account that
/// have a token pair, including the caller's.
///
/// # Errors
/// 404 for any account but the caller's own.
#[utoipa::path(
    delete,
    path = "/api/auth/users/{user_id}/tokens/revoke",
    tag = "tokens",
    params(("user_id" = String, Path, description = "The caller's own id.")),
    responses((status = 200, body = RevokeAllResponse)),
)]
pub async fn revoke_all(
    State(app): State<AccountsState>,
    OwnAccount(me): OwnAccount,
    origin: RequestOrigin,
) -> Result<AppJson<RevokeAllResponse>, ApiError> {
    let revoked = tokens::revoke_all(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(RevokeAllResponse::new(
        "The tokens are revoked.",
        revoked,
    )))
}
