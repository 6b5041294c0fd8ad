//! Introspection (RFC 7662) and revocation (RFC 7009) of both kinds of token, for internal
//! services.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::accounts::domain::authenticate;
use crate::accounts::domain::authenticate::Credential;
use crate::authorization::domain::tokens;
use crate::authorization::http::App;
use crate::authorization::http::bad;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::secret::{PersonToken, RefreshToken, SessionToken};

/// A form with a token. `token_type_hint` is of no matter: kinds are told by what they begin with.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes a form")]
pub struct TokenForm {
    /// The token.
    token: String,
    /// Ignored.
    token_type_hint: Option<String>,
}

/// The token of a form.
pub struct PresentedToken(String);

impl FromRequest<App> for PresentedToken {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| ApiError::from_status(rejection.status()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("The form is not UTF-8."))?;
        let mut tokens = text
            .split('&')
            .filter_map(|pair| pair.strip_prefix("token="));
        // Tokens hold nothing that a form would encode.
        match (tokens.next(), tokens.next()) {
            (Some(token), None) if !token.is_empty() => Ok(Self(token.to_owned())),
            _ => Err(bad(
                "Send a form with one token (RFC 7662 §2.1, RFC 7009 §2.1).",
            )),
        }
    }
}

/// What is known of a token (RFC 7662 §2.2).
#[derive(Default, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether it is good. If not, nothing else is told.
    active: bool,
    /// The account (a UUID).
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The person's username, where they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The person's id in the authorization service, for its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<i64>,
    /// `user`, `service`, `session` or `access_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// The sign-in, for tokens of the core.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

/// `POST /oauth/introspect`: what a token is: one of the authorization service, a session token, or
/// an access token.
///
/// # Errors
/// 401 without a service's key. A token that is not good is no error.
#[utoipa::path(post, path = "/oauth/introspect", operation_id = "oauth_introspect", tag = "authorization", request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"), responses((status = 200, body = Introspection)))]
pub async fn introspect(
    State(app): State<App>,
    PresentedToken(token): PresentedToken,
) -> Result<AppJson<Introspection>, ApiError> {
    let iss = Some(app.ports.config.jwt_issuer.clone());
    if let Some(token) = PersonToken::parse(&token) {
        let Some(bearer) = tokens::introspect(&app.ports, &token).await? else {
            return Ok(AppJson(Introspection::default()));
        };
        return Ok(AppJson(Introspection {
            active: true,
            sub: Some(bearer.user.to_string()),
            username: Some(bearer.username),
            user_id: Some(bearer.person),
            token_type: Some(bearer.kind.as_str()),
            exp: Some(bearer.expires_at.seconds()),
            iat: Some(bearer.created_at.seconds()),
            iss,
            sid: None,
        }));
    }
    let (credential, token_type) = match SessionToken::parse(&token) {
        Some(session) => (Credential::Session(session), "session"),
        None => (Credential::Access(token), "access_token"),
    };
    match authenticate::authenticate(&app.ports, &credential).await {
        Ok(me) if authenticate::stands_alone(&app.ports, &me) && !me.session.recovering => {
            Ok(AppJson(Introspection {
                active: true,
                sub: Some(me.user.id.to_string()),
                token_type: Some(token_type),
                exp: Some(me.expires_at.seconds()),
                iat: Some(me.session.created_at.seconds()),
                iss,
                sid: Some(me.session.id.to_string()),
                ..Introspection::default()
            }))
        }
        Err(Failure::Fault(fault)) => Err(fault.into()),
        Ok(_) | Err(_) => Ok(AppJson(Introspection::default())),
    }
}

/// `POST /oauth/revoke`: revokes a token: one of the authorization service, or the whole sign-in of
/// a session, access or refresh token.
///
/// # Errors
/// 401 without a service's key. A token that is not good is no error (RFC 7009 §2.2).
#[utoipa::path(post, path = "/oauth/revoke", operation_id = "oauth_revoke", tag = "authorization", request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"), responses((status = 200, description = "It is good for nothing any more.")))]
pub async fn revoke(
    State(app): State<App>,
    origin: RequestOrigin,
    PresentedToken(token): PresentedToken,
) -> Result<AppJson<Value>, ApiError> {
    let done = AppJson(Value::Object(serde_json::Map::new()));
    if let Some(token) = PersonToken::parse(&token) {
        tokens::revoke(&app.ports, &token).await?;
        return Ok(done);
    }
    if let Some(refresh) = RefreshToken::parse(&token) {
        authenticate::end_by_refresh_token(&app.ports, &refresh, &origin).await?;
        return Ok(done);
    }
    let credential =
        SessionToken::parse(&token).map_or_else(|| Credential::Access(token), Credential::Session);
    authenticate::sign_out(&app.ports, &credential, &origin).await?;
    Ok(done)
}
