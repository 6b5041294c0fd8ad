//! Introspection (RFC 7662) and revocation (RFC 7009) of tokens, for internal services.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::accounts::domain::authenticate;
use crate::accounts::domain::authenticate::Credential;
use crate::authorization::domain::tokens;
use crate::authorization::http::App;
use crate::authorization::http::respond::invalid_body;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::secret::{PersonToken, RefreshToken, SessionToken};

/// A form with a token. The service ignores `token_type_hint`, because the start of a token says
/// its kind.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes a form")]
pub struct TokenForm {
    /// The token.
    token: String,
    /// Ignored.
    token_type_hint: Option<String>,
}

/// The token in a form.
pub struct FormToken(String);

impl FromRequest<App> for FormToken {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| ApiError::from_status(rejection.status()))?;
        let mut tokens = form_urlencoded::parse(&bytes)
            .filter_map(|(name, value)| (name == "token").then_some(value));
        match (tokens.next(), tokens.next()) {
            (Some(token), None) if !token.is_empty() => Ok(Self(token.into_owned())),
            _ => Err(invalid_body(
                "Send a form with one token (RFC 7662 §2.1, RFC 7009 §2.1).",
            )),
        }
    }
}

/// The introspection of a token (RFC 7662 §2.2).
#[derive(Default, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether the token is valid. The response for an invalid token has no other members.
    active: bool,
    /// The id of the account (a UUID).
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The username of the person, for a token of the authorization service.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The id of the person, for a token of the authorization service.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<i64>,
    /// `user`, `service`, `session` or `access_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// When the token expires, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When the token or its session was created, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// The id of the session, for a token of accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

/// `POST /oauth/introspect`: Describes a token of the authorization service, a session token or an
/// access token.
///
/// # Errors
/// 401 without the key of an internal service. An invalid token is no error.
#[utoipa::path(
    post,
    path = "/oauth/introspect",
    operation_id = "oauth_introspect",
    tag = "authorization",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Introspection))
)]
pub async fn introspect(
    State(app): State<App>,
    FormToken(token): FormToken,
) -> Result<AppJson<Introspection>, ApiError> {
    let iss = Some(app.ports.config.jwt_issuer.clone());
    if let Some(token) = PersonToken::parse(&token) {
        let Some(row) = tokens::introspect(&app.ports, &token).await? else {
            return Ok(AppJson(Introspection::default()));
        };
        return Ok(AppJson(Introspection {
            active: true,
            sub: Some(row.user.to_string()),
            username: Some(row.username),
            user_id: Some(row.person_id),
            token_type: Some(row.kind.as_str()),
            exp: Some(row.expires_at.seconds()),
            iat: Some(row.created_at.seconds()),
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

/// `POST /oauth/revoke`: Revokes a token of the authorization service, or the session of a session,
/// access or refresh token.
///
/// # Errors
/// 401 without the key of an internal service. An invalid token is no error (RFC 7009 §2.2).
#[utoipa::path(
    post,
    path = "/oauth/revoke",
    operation_id = "oauth_revoke",
    tag = "authorization",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is revoked."))
)]
pub async fn revoke(
    State(app): State<App>,
    origin: RequestOrigin,
    FormToken(token): FormToken,
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
