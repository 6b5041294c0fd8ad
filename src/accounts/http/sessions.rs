//! Web sessions: is mine live, and sign me out.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::domain::authenticate;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::http::App;
use crate::accounts::http::caller::{AllCredentials, CurrentSession};
use crate::accounts::http::cookie::Shape;
use crate::accounts::http::objects::{Message, User};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// Whoever presented a live credential.
#[derive(Serialize, ToSchema)]
pub struct Validated {
    success: bool,
    /// The account.
    user: User,
    /// When the presented credential ends.
    #[schema(format = "date-time")]
    expires_at: String,
    /// How the owner proved who they are, last: authentication methods (RFC 8176).
    #[schema(example = json!(["swk", "user", "mfa"]))]
    amr: Vec<String>,
    /// When they did.
    #[schema(format = "date-time")]
    auth_time: String,
    /// Whether it is a recovery that is not complete: then it is good for adding a passkey, and for
    /// little else.
    recovering: bool,
}

impl From<SignedIn> for Validated {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            success: true,
            user: signed_in.user.into(),
            expires_at: signed_in.expires_at.to_string(),
            amr: signed_in.session.amr.methods().to_vec(),
            auth_time: signed_in.session.authenticated_at.to_string(),
            recovering: signed_in.session.recovering,
        }
    }
}

/// `GET /api/auth/sessions/validate`: whether the session token, in the cookie or as a Bearer
/// token, is live.
///
/// # Errors
/// 401 for anything else.
#[utoipa::path(get, path = "/api/auth/sessions/validate", operation_id = "validate", tag = "sessions", responses((status = 200, body = Validated)))]
pub async fn validate(CurrentSession(signed_in): CurrentSession) -> AppJson<Validated> {
    AppJson(signed_in.into())
}

/// `POST /api/auth/sessions/logout`: ends every sign-in that is presented, if any, and clears the
/// cookie.
///
/// # Errors
/// Only if the database does not answer: then the sign-in may still be live.
#[utoipa::path(post, path = "/api/auth/sessions/logout", tag = "sessions", responses((status = 200, body = Message)), security((), ("cookie" = []), ("bearer" = [])))]
pub async fn logout(
    State(app): State<App>,
    origin: RequestOrigin,
    cookie: Shape,
    AllCredentials(presented): AllCredentials,
) -> Result<Response, ApiError> {
    for credential in presented {
        authenticate::sign_out(&app.ports, &credential, &origin).await?;
    }
    Ok(with_cleared_cookie(
        &cookie,
        Message::new("You are logged out."),
    ))
}

/// An answer that also clears the session cookie.
pub(super) fn with_cleared_cookie(cookie: &Shape, message: Message) -> Response {
    let mut response = AppJson(message).into_response();
    for cleared in cookie.clear() {
        response.headers_mut().append(header::SET_COOKIE, cleared);
    }
    response
}
