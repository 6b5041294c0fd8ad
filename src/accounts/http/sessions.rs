//! Web sessions over HTTP: validation and logout.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::domain::authenticate;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::http::AccountsState;
use crate::accounts::http::caller::{AllCredentials, CurrentSession};
use crate::accounts::http::cookie::SessionCookie;
use crate::accounts::http::objects::{MessageResponse, UserResponse};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::AppJson;

/// The response with a live credential.
#[derive(Serialize, ToSchema)]
pub struct ValidateResponse {
    success: bool,
    /// The account.
    user: UserResponse,
    /// When the presented credential expires.
    #[schema(format = "date-time")]
    expires_at: String,
    /// The methods of the last authentication (RFC 8176).
    #[schema(example = json!(["swk", "user", "mfa"]))]
    amr: Vec<String>,
    /// When the account owner last authenticated.
    #[schema(format = "date-time")]
    auth_time: String,
    /// Whether the session is from an unfinished recovery. Until the account owner has added a
    /// passkey, it can do little else.
    recovering: bool,
}

impl From<SignedIn> for ValidateResponse {
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

/// `GET /api/auth/sessions/validate`: validates the session token in the cookie or in the header
/// `Authorization`.
///
/// # Errors
/// 401 for every other credential.
#[utoipa::path(
    get,
    path = "/api/auth/sessions/validate",
    operation_id = "validate",
    tag = "sessions",
    responses((status = 200, body = ValidateResponse)),
)]
pub async fn validate(CurrentSession(signed_in): CurrentSession) -> AppJson<ValidateResponse> {
    AppJson(signed_in.into())
}

/// `POST /api/auth/sessions/logout`: ends every presented session and clears the cookie.
///
/// # Errors
/// 503 if the database does not answer. The session may still be live then.
#[utoipa::path(
    post,
    path = "/api/auth/sessions/logout",
    tag = "sessions",
    responses((status = 200, body = MessageResponse)),
    security((), ("cookie" = []), ("bearer" = [])),
)]
pub async fn logout(
    State(app): State<AccountsState>,
    origin: RequestOrigin,
    cookie: SessionCookie,
    AllCredentials(presented): AllCredentials,
) -> Result<Response, ApiError> {
    for credential in presented {
        authenticate::sign_out(&app.ports, &credential, &origin).await?;
    }
    Ok(with_cleared_cookie(
        &cookie,
        MessageResponse::new("You are logged out."),
    ))
}

/// Returns a response that also clears the session cookie.
pub(super) fn with_cleared_cookie(cookie: &SessionCookie, message: MessageResponse) -> Response {
    let mut response = AppJson(message).into_response();
    for cleared in cookie.clear() {
        response.headers_mut().append(header::SET_COOKIE, cleared);
    }
    response
}
