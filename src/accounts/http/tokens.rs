//! Access and refresh tokens: renewed, validated, listed, revoked.

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::devices::assertion_check;
use crate::accounts::domain::tokens;
use crate::accounts::domain::tokens::RotateRejection;
use crate::accounts::http::App;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::caller::{Bearing, CurrentUser};
use crate::accounts::http::objects::{AuthResponse, Message};
use crate::accounts::http::sessions::Validated;
use crate::accounts::model::records::Session;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::secret::RefreshToken;

/// A refresh token to exchange.
#[derive(Deserialize, ToSchema)]
pub struct RefreshRequest {
    /// The token.
    #[serde(alias = "refreshToken")]
    refresh_token: String,
}

/// `POST /api/auth/tokens/refresh`: a new pair for a refresh token, once.
///
/// A caller who lost the answer may repeat within 30 seconds and gets the same refresh token; a
/// later repeat revokes the sign-in.
///
/// # Errors
/// The same 401 for every token that cannot be exchanged.
#[utoipa::path(post, path = "/api/auth/tokens/refresh", tag = "tokens", request_body = RefreshRequest, responses((status = 200, body = AuthResponse)))]
pub async fn refresh(
    State(app): State<App>,
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
    let pair = tokens::rotate(&app.ports, &presented, &origin).await?;
    Ok(AppJson(pair.into()))
}

/// `GET /api/auth/tokens/validate`: whether the presented credential is live, and whose.
///
/// # Errors
/// 401 for anything else.
#[utoipa::path(get, path = "/api/auth/tokens/validate", operation_id = "validate_token", tag = "tokens", responses((status = 200, body = Validated)))]
pub async fn validate(Bearing(signed_in): Bearing) -> AppJson<Validated> {
    AppJson(signed_in.into())
}

/// A sign-in that has a pair. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct Token {
    /// The sign-in's id; not a secret.
    #[schema(format = "uuid")]
    id: String,
    /// `web`, `ios` or `api`.
    platform: &'static str,
    /// What the client called itself.
    #[schema(required)]
    user_agent: Option<String>,
    /// When it was last renewed.
    last_used: i64,
    /// When it was made.
    created_at: i64,
    /// When its newest access token ends.
    #[schema(required)]
    access_expires_at: Option<i64>,
    /// When its refresh token ends.
    #[schema(required)]
    refresh_expires_at: Option<i64>,
    /// Whether this request was made with it.
    current: bool,
}

impl Token {
    fn new(session: Session, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            platform: session.platform.as_str(),
            user_agent: session.user_agent,
            last_used: session.last_used_at.millis(),
            created_at: session.created_at.millis(),
            access_expires_at: session
                .access_expires_at
                .map(crate::kernel::model::time::Timestamp::millis),
            refresh_expires_at: session
                .refresh_expires_at
                .map(crate::kernel::model::time::Timestamp::millis),
            current: session.id == current,
        }
    }
}

/// The live sign-ins that have a pair.
#[derive(Serialize, ToSchema)]
pub struct TokenList {
    success: bool,
    /// Newest first, at most 200.
    tokens: Vec<Token>,
}

/// `GET /api/users/me/tokens`: the account's live sign-ins that have a pair.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(get, path = "/api/users/me/tokens", tag = "tokens", responses((status = 200, body = TokenList)))]
pub async fn list(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<TokenList>, ApiError> {
    let sessions = tokens::list(&app.ports, me.user.id).await?;
    let tokens = sessions
        .into_iter()
        .map(|session| Token::new(session, me.session.id))
        .collect();
    Ok(AppJson(TokenList {
        success: true,
        tokens,
    }))
}

/// `DELETE /api/auth/tokens/{token_id}/revoke`: ends one sign-in of the caller's account. Safe to
/// repeat.
///
/// # Errors
/// The same 404 for an unknown and for somebody else's.
#[utoipa::path(delete, path = "/api/auth/tokens/{token_id}/revoke", tag = "tokens", params(("token_id" = String, Path, description = "The id from the list.")),
    responses((status = 200, body = Message)))]
pub async fn revoke(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    Path(token_id): Path<String>,
) -> Result<AppJson<Message>, ApiError> {
    let id = SessionId::parse(&token_id).ok_or(Code::TokenNotFound)?;
    tokens::revoke(&app.ports, me.caller(), id, &origin).await?;
    Ok(AppJson(Message::new("The token is revoked.")))
}

/// How many sign-ins were revoked.
#[derive(Serialize, ToSchema)]
pub struct RevokedAll {
    success: bool,
    /// A sentence.
    message: &'static str,
    /// How many there were.
    revoked: usize,
}

impl RevokedAll {
    /// That many were.
    #[must_use]
    pub const fn new(message: &'static str, revoked: usize) -> Self {
        Self {
            success: true,
            message,
            revoked,
        }
    }
}

/// `DELETE /api/auth/users/{user_id}/tokens/revoke`: ends every sign-in of the caller's account
/// that has a pair, this one too.
///
/// # Errors
/// 404 for any account but the caller's own.
#[utoipa::path(delete, path = "/api/auth/users/{user_id}/tokens/revoke", tag = "tokens", params(("user_id" = String, Path, description = "The caller's own id.")),
    responses((status = 200, body = RevokedAll)))]
pub async fn revoke_all(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
    origin: RequestOrigin,
    Path(user_id): Path<String>,
) -> Result<AppJson<RevokedAll>, ApiError> {
    if UserId::parse(&user_id) != Some(me.user.id) {
        return Err(Code::UserNotFound.into());
    }
    let revoked = tokens::revoke_all(&app.ports, me.caller(), &origin).await?;
    Ok(AppJson(RevokedAll::new("The tokens are revoked.", revoked)))
}
