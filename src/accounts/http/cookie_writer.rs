//! The extractor that sets the session cookie in the response.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::accounts::domain::authenticate::Credential;
use crate::accounts::http::AccountsState;
use crate::accounts::http::cookie::SessionCookie;
use crate::accounts::http::credentials::all_presented;
use crate::kernel::http::error::ApiError;
use crate::kernel::http::extract::{OutgoingCookies, is_browser};
use crate::kernel::model::secret::SessionToken;
use crate::kernel::model::time::Timestamp;

/// Sets the session cookie in the response.
#[derive(Debug)]
pub struct SessionCookieWriter {
    cookie: SessionCookie,
    outgoing: OutgoingCookies,
    /// Whether a browser sent the request.
    pub by_browser: bool,
}

impl SessionCookieWriter {
    /// Returns the writer for a request.
    pub(super) fn new(app: &AccountsState, parts: &Parts) -> Self {
        Self {
            cookie: SessionCookie::for_request(&app.ports.config, &parts.uri, &parts.headers),
            outgoing: parts
                .extensions
                .get::<OutgoingCookies>()
                .cloned()
                .unwrap_or_default(),
            by_browser: is_browser(&parts.headers),
        }
    }

    /// Returns all credentials of the request.
    pub(super) fn presented(&self, parts: &Parts) -> Vec<Credential> {
        all_presented(parts, &self.cookie)
    }

    /// Adds the cookie of a session that expires at `expires_at`.
    pub fn add(&self, token: &SessionToken, expires_at: Timestamp, now: Timestamp) {
        self.outgoing.push(self.cookie.set(token, expires_at, now));
    }

    /// Sets the cookie of a session in place of all cookies that the response would set so far.
    pub fn replace(&self, token: &SessionToken, expires_at: Timestamp, now: Timestamp) {
        drop(self.outgoing.take());
        self.add(token, expires_at, now);
    }
}

impl FromRequestParts<AccountsState> for SessionCookieWriter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        Ok(Self::new(app, parts))
    }
}
