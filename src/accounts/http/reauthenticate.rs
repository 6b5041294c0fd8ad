//! Step-up over HTTP: proving again who one is, and what is asked of whoever did not lately.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::csrf;
use crate::accounts::domain::factors::reauthenticate;
use crate::accounts::domain::factors::reauthenticate::{
    AuthenticatedCaller, ReauthenticationProof,
};
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::http::App;
use crate::accounts::http::caller::{AlsoRecovering, CurrentUser, PresentedBy};
use crate::accounts::http::cookie::Shape;
use crate::accounts::http::webauthn::options::AuthenticationBegun;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, ByBrowser, OutgoingCookies};
use crate::kernel::model::ids::ChallengeId;
use axum::Extension;

/// `POST /api/auth/reauthenticate/begin`: a challenge, with the options for
/// `navigator.credentials.get()`. With TOTP only its id is needed.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(post, path = "/api/auth/reauthenticate/begin", operation_id = "begin_reauthentication", tag = "factors", responses((status = 200, body = AuthenticationBegun)))]
pub async fn begin(
    State(app): State<App>,
    CurrentUser(me): CurrentUser,
) -> Result<AppJson<AuthenticationBegun>, ApiError> {
    let begun = reauthenticate::begin(&app.ports, &me).await?;
    Ok(AppJson(AuthenticationBegun::new(&app.ports.config, begun)))
}

/// What proves it: one of the two.
#[derive(Deserialize, ToSchema)]
pub struct ReauthenticationCompleteRequest {
    /// From the beginning.
    #[serde(alias = "challengeId")]
    challenge_id: String,
    /// What a passkey answered.
    #[serde(default)]
    response: Option<AuthenticationResponse>,
    /// The six digits of an authenticator.
    #[serde(default)]
    code: Option<String>,
}

/// How it is known now who somebody is.
#[derive(Serialize, ToSchema)]
pub struct Reauthenticated {
    success: bool,
    /// Authentication methods (RFC 8176).
    #[schema(example = json!(["swk", "user", "mfa"]))]
    amr: Vec<String>,
    /// Where it was called with a session token, and not by a browser with the cookie: the new one;
    /// the old one is good for nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
}

/// `POST /api/auth/reauthenticate/complete`: notes that the caller has just proved who they are. A
/// session gets a new token.
///
/// # Errors
/// The same 401 for everything that does not hold.
#[utoipa::path(post, path = "/api/auth/reauthenticate/complete", operation_id = "complete_reauthentication", tag = "factors", request_body = ReauthenticationCompleteRequest, responses((status = 200, body = Reauthenticated)))]
pub async fn complete(
    State(app): State<App>,
    PresentedBy(presented, me): PresentedBy,
    (cookie, browser): (Shape, ByBrowser),
    Extension(outgoing): Extension<OutgoingCookies>,
    origin: RequestOrigin,
    AppJson(body): AppJson<ReauthenticationCompleteRequest>,
) -> Result<AppJson<Reauthenticated>, ApiError> {
    let shown = match (&body.response, &body.code) {
        (Some(response), None) => ReauthenticationProof::Passkey(response),
        (None, Some(code)) => ReauthenticationProof::Totp(code),
        _ => {
            return Err(ApiError::because(
                Code::InvalidBody,
                "not one of response and code",
            ));
        }
    };
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
        // Instead of the one that an extension may have set.
        drop(outgoing.take());
        outgoing.push(cookie.set(token, me.expires_at, me.now));
    }
    // A browser keeps the cookie, which no script of the page can read; the web app's server passes
    // on what is here.
    let told = proven.token.filter(|_| !(presented.by_cookie && browser.0));
    Ok(AppJson(Reauthenticated {
        success: true,
        amr: proven.amr.methods().to_vec(),
        session_token: told.map(|token| token.reveal().to_owned()),
    }))
}

/// A CSRF token.
#[derive(Serialize, ToSchema)]
pub struct CsrfAnswer {
    success: bool,
    /// To be sent as `X-CSRF-Token` with unsafe requests that carry the session cookie. Good for as
    /// long as the session.
    csrf_token: String,
}

/// `GET /api/auth/csrf`: a token against cross-site request forgery, signed and bound to the
/// caller's session.
///
/// # Errors
/// 401 if nobody is signed in.
#[utoipa::path(get, path = "/api/auth/csrf", operation_id = "csrf_token", tag = "sessions", responses((status = 200, body = CsrfAnswer)), security(("cookie" = []), ("bearer" = [])))]
pub async fn csrf_token(
    State(app): State<App>,
    AlsoRecovering(me): AlsoRecovering,
) -> Result<AppJson<CsrfAnswer>, ApiError> {
    let csrf_token = csrf::token(&app.ports, me.session.id)?.ok_or(Code::Internal)?;
    Ok(AppJson(CsrfAnswer {
        success: true,
        csrf_token,
    }))
}
