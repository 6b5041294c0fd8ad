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
use crate::accounts::http::App;
use crate::accounts::http::assertion::DeviceProof;
use crate::accounts::http::cookie::Shape;
use crate::accounts::http::credentials::all_presented;
use crate::accounts::http::objects::AuthResponse;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Platform;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{OutgoingCookies, is_browser};
use crate::kernel::http::middleware::same_origin::is_ours;

/// A sign-in by passkey: an `AuthResponse` with a session and a pair.
#[derive(Serialize, ToSchema)]
pub struct PasskeySignIn {
    #[serde(flatten)]
    auth: AuthResponse,
    /// Always `true`.
    verified: bool,
    /// The passkey that signed in.
    credential_id: String,
    /// The same.
    #[serde(rename = "credentialId")]
    credential_id_camel: String,
}

impl PasskeySignIn {
    fn new(id: &CredentialId, complete: IssuedSession) -> Self {
        Self {
            auth: complete.into(),
            verified: true,
            credential_id: id.as_str().to_owned(),
            credential_id_camel: id.as_str().to_owned(),
        }
    }
}

/// The client of a sign-in: what it is, what it came with, and whether it keeps cookies.
#[derive(Debug)]
pub struct Client {
    /// Where the sign-in happens, and what it takes the place of.
    pub place: SignInClient,
    is_browser: bool,
    cookie: Shape,
    outgoing: OutgoingCookies,
}

impl Client {
    /// Notes the device that asserted the request, if one did: then the client is the app, whatever
    /// it calls itself.
    ///
    /// # Errors
    /// 503 if the database did not answer.
    pub async fn look_at_device(
        &mut self,
        app: &App,
        device: &DeviceProof,
    ) -> Result<(), ApiError> {
        if !self.is_browser {
            self.place.device =
                assertion_check::device_at_sign_in(&app.ports, device.shown(), &device.request())
                    .await?;
            if self.place.device.is_some() {
                self.place.platform = Platform::Ios;
            }
        }
        Ok(())
    }

    /// Gives a browser the session as a cookie, and no other session cookie beside it.
    pub fn remember(&self, complete: &IssuedSession) {
        if self.is_browser {
            drop(self.outgoing.take());
            self.outgoing.push(self.cookie.set(
                &complete.session_token,
                complete.session_expires_at,
                complete.now,
            ));
        }
    }
}

impl FromRequestParts<App> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let cookie = Shape::of(&app.ports.config, &parts.uri, &parts.headers);
        // The web app's server sends neither, and sets the cookie itself.
        let is_browser = is_browser(&parts.headers);
        // The gate lets a Bearer token alone through, wherever it comes from: nobody else's page
        // gets a cookie set by that.
        if is_browser && !is_ours(&app.ports.config, &parts.headers) {
            return Err(Code::CrossSiteRequest.into());
        }
        let sessions = all_presented(parts, &cookie)
            .into_iter()
            .filter_map(|credential| match credential {
                Credential::Session(token) => Some(token),
                Credential::Access(_) => None,
            });
        let replaces = sessions.collect();
        let platform = platform(&parts.headers, is_browser);
        let outgoing = parts
            .extensions
            .get::<OutgoingCookies>()
            .cloned()
            .unwrap_or_default();
        Ok(Self {
            place: SignInClient {
                platform,
                replaces,
                device: None,
            },
            is_browser,
            cookie,
            outgoing,
        })
    }
}

/// A label, by what the client says it is.
fn platform(headers: &HeaderMap, is_browser: bool) -> Platform {
    let said = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match () {
        () if is_browser => Platform::Web,
        () if said.contains("CFNetwork") || said.contains("hamrahIOS") => Platform::Ios,
        () => Platform::Api,
    }
}
