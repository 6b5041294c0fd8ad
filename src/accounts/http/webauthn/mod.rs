//! Passkeys over HTTP (CONTRACT §4, §5): the two ceremonies and the list.

pub mod authenticate;
pub mod credentials;
pub mod options;
pub mod register;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::domain::authenticate::Credential;
use crate::accounts::domain::devices::assertion_check;
use crate::accounts::domain::sign_in::{IssuedSession, SignInClient};
use crate::accounts::http::AccountsState;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::cookie_writer::SessionCookieWriter;
use crate::accounts::http::objects::{AuthResponse, CredentialIdFields};
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Platform;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::middleware::same_origin::{is_ours, refusal};

/// An `AuthResponse` with a session and a token pair.
#[derive(Serialize, ToSchema)]
pub struct PasskeySignInResponse {
    #[serde(flatten)]
    auth: AuthResponse,
    /// Always `true`.
    verified: bool,
    #[serde(flatten)]
    credential: CredentialIdFields,
}

impl PasskeySignInResponse {
    fn new(id: &CredentialId, complete: IssuedSession) -> Self {
        Self {
            auth: complete.into(),
            verified: true,
            credential: id.into(),
        }
    }
}

/// The client of a sign-in, with the sessions that it presents.
#[derive(Debug)]
pub struct Client {
    /// The platform of the sign-in, and the sessions that it replaces.
    pub place: SignInClient,
    cookie: SessionCookieWriter,
}

impl Client {
    /// Verifies the assertion of the device, if the request has one. The client is then the iOS
    /// app, whatever its `User-Agent` says.
    ///
    /// # Errors
    /// 503 if the database does not answer.
    pub async fn verify_device(
        &mut self,
        app: &AccountsState,
        device: &DeviceProof,
    ) -> Result<(), ApiError> {
        if !self.cookie.by_browser {
            self.place.device =
                assertion_check::device_at_sign_in(&app.ports, device.shown(), &device.request())
                    .await?;
            if self.place.device.is_some() {
                self.place.platform = Platform::Ios;
            }
        }
        Ok(())
    }

    /// Sets the session's cookie if the client is a browser. It replaces all other session cookies
    /// of the response.
    pub fn remember_session(&self, complete: &IssuedSession) {
        if self.cookie.by_browser {
            self.cookie.replace(
                &complete.session_token,
                complete.session_expires_at,
                complete.now,
            );
        }
    }
}

impl FromRequestParts<AccountsState> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        // The web app's server sends no headers of a browser, and sets the cookie itself.
        let cookie = SessionCookieWriter::new(app, parts);
        // The same-origin middleware accepts a Bearer token from any page. A page of another site
        // must not set a cookie by that.
        if cookie.by_browser && !is_ours(&app.ports.config, &parts.headers) {
            return Err(refusal(&app.ports.config, &parts.headers));
        }
        let sessions =
            cookie
                .presented(parts)
                .into_iter()
                .filter_map(|credential| match credential {
                    Credential::Session(token) => Some(token),
                    Credential::Access(_) => None,
                });
        let replaces = sessions.collect();
        let platform = platform(&parts.headers, cookie.by_browser);
        Ok(Self {
            place: SignInClient {
                pair_only: None,
                platform,
                replaces,
                device: None,
            },
            cookie,
        })
    }
}

/// Returns the platform by the headers of the client. It is a label, not a proof.
fn platform(headers: &HeaderMap, is_browser: bool) -> Platform {
    let said = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if is_browser {
        Platform::Web
    } else if said.contains("CFNetwork") || said.contains("hamrahIOS") {
        Platform::Ios
    } else {
        Platform::Api
    }
}
