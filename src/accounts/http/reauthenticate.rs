//! Step-up over HTTP: the caller verifies their identity again before a sensitive action.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::csrf;
use crate::accounts::domain::factors::reauthenticate;
use crate::accounts::domain::factors::reauthenticate::{
    AuthenticatedCaller, ReauthenticationProof,
};
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::{
    Authenticated, CurrentUser, CurrentUserOrRecovering, CurrentUserWithCredential,
};
use crate::accounts::http::cookie_writer::SessionCookieWriter;
use crate::accounts::http::webauthn::options::AuthenticationBeginResponse;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::AppJson;
use crate::kernel::model::ids::ChallengeId;

/// `POST /api/auth/reauthenticate/begin`: returns a challenge and the options for
/// `navigator.credentials.get()`. For TOTP only the challenge's id is needed.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    post,
    path = "/api/auth/reauthenticate/begin",
    operation_id = "begin_reauthentication",
    tag = "factors",
    responses((status = 200, body = AuthenticationBeginResponse)),
)]
pub async fn begin(
    State(app): State<AccountsState>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<AuthenticationBeginResponse>, ApiError> {
    let begun = reauthenticate::begin(&app.ports, &me).await?;
    Ok(AppJson(AuthenticationBeginResponse::new(
        &app.ports.config,
        begun,
    )))
}

/// The body of `POST /api/auth/reauthenticate/complete`, with exactly one of `response` and `code`.
#[derive(Deserialize, ToSchema)]
pub struct ReauthenticationCompleteRequest {
    /// The `challenge_id` of the begin response.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// The response of the passkey.
    #[serde(default)]
    response: Option<AuthenticationResponse>,
    /// The six digits of an authenticator app.
    #[serde(default)]
    code: Option<String>,
}

/// The response to a completed step-up.
#[derive(Serialize, ToSchema)]
pub struct ReauthenticationCompleteResponse {
    success: bool,
    /// Authentication methods (RFC 8176).
    #[schema(example = json!(["swk", "user", "mfa"]))]
    amr: Vec<String>,
    /// The new session token if the caller presented a session token and is not a browser with the
    /// cookie. The old token is no longer valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
}

/// `POST /api/auth/reauthenticate/complete`: records that the caller has just authenticated. A
/// session gets a new token.
///
/// # Errors
/// The same 401 for every proof that fails verification.
#[utoipa::path(
    post,
    path = "/api/auth/reauthenticate/complete",
    operation_id = "complete_reauthentication",
    tag = "factors",
    request_body = ReauthenticationCompleteRequest,
    responses((status = 200, body = ReauthenticationCompleteResponse)),
)]
pub async fn complete(
    State(app): State<AccountsState>,
    CurrentUserWithCredential(caller): CurrentUserWithCredential,
    cookie: SessionCookieWriter,
    origin: RequestOrigin,
    AppJson(body): AppJson<ReauthenticationCompleteRequest>,
) -> Result<AppJson<ReauthenticationCompleteResponse>, ApiError> {
    let shown = match (&body.response, &body.code) {
        (Some(response), None) => ReauthenticationProof::Passkey(response),
        (None, Some(code)) => ReauthenticationProof::Totp(code),
        _ => {
            return Err(ApiError::because(
                Code::InvalidBody,
                "the body must contain exactly one of response and code",
            ));
        }
    };
    let Authenticated { presented, me } = caller;
    let challenge = ChallengeId::parse(&body.challenge_id);
    let proven = reauthenticate::complete(
        &app.ports,
        &AuthenticatedCaller {
            signed_in: &me,
            credential: &presented.credential,
        },
        challenge,
        &shown,
        &origin,
    )
    .await?;
    if let (true, Some(token)) = (presented.by_cookie, &proven.token) {
        // The new cookie replaces the one that an extension of the session may have set.
        cookie.replace(token, me.expires_at, me.now);
    }
    // A browser keeps the cookie, which no script of a page can read. The web app's server passes
    // the token on.
    let told = proven
        .token
        .filter(|_| !(presented.by_cookie && cookie.by_browser));
    Ok(AppJson(ReauthenticationCompleteResponse {
        success: true,
        amr: proven.amr.methods().to_vec(),
        session_token: told.map(|token| token.reveal().to_owned()),
    }))
}

/// The response with a CSRF token.
#[derive(Serialize, ToSchema)]
pub struct CsrfTokenResponse {
    success: bool,
    /// The token to send as `X-CSRF-Token` in unsafe requests that carry the session cookie. It is
    /// valid as long as the session.
    csrf_token: String,
}

/// `GET /api/auth/csrf`: returns a token against cross-site request forgery, signed and bound to
/// the caller's session.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    get,
    path = "/api/auth/csrf",
    operation_id = "csrf_token",
    tag = "sessions",
    responses((status = 200, body = CsrfTokenResponse)),
    security(("cookie" = []), ("bearer" = [])),
)]
pub async fn csrf_token(
    State(app): State<AccountsState>,
    CurrentUserOrRecovering(me): CurrentUserOrRecovering,
) -> Result<AppJson<CsrfTokenResponse>, ApiError> {
    let csrf_token = csrf::token(&app.ports, me.session.id)?.ok_or(Code::Internal)?;
    Ok(AppJson(CsrfTokenResponse {
        success: true,
        csrf_token,
    }))
}
