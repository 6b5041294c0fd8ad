//! Responses of the authorization service. A response with a missing or wrong field never passes.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::{PostResponse, TransportError};

/// The user of a token.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub user_id: i64,
    /// The user's username.
    pub username: String,
    /// The user's name.
    pub name: String,
}

/// The authorization service's answer about a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The user of the token.
    pub user: User,
    /// When the token expires, in seconds since 1970.
    pub expires_at: u64,
    /// The number of this backend's service.
    pub service_id: i64,
    /// The user's roles in the service.
    pub roles: Vec<String>,
    /// The user's permissions in the service.
    pub permissions: Vec<String>,
    /// The version of the service's policy. It grows with every change of a grant.
    pub policy_version: i64,
    /// How long the answer may be used, in seconds. It ends before the first grant expires.
    pub max_age: u64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// The request has no token.
    MissingTokenHeader,
    /// The text is not a token, or the token was revoked.
    InvalidToken,
    /// The token has expired.
    ExpiredToken,
}

impl TokenError {
    /// Returns the service's code for the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::MissingTokenHeader => "missing_token_header",
            Self::InvalidToken => "invalid_token",
            Self::ExpiredToken => "expired_token",
        }
    }
}

/// A check without an answer from the service.
///
/// It is not known whether the token is valid, so the backend must refuse the request with a 503.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the authorization service did not answer the check: {code}")]
pub struct Unavailable {
    /// The HTTP status of the response, or 0 if there was none.
    pub status: u16,
    /// The code of the service, or `network` or `invalid_answer`.
    pub code: String,
    /// How long to wait before the next check, if the service named a time in seconds.
    pub retry_after: Option<Duration>,
    /// The error of the transport.
    #[source]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Unavailable {
    pub(crate) fn network(error: TransportError) -> Self {
        Self {
            status: 0,
            code: "network".to_owned(),
            retry_after: None,
            source: Some(error.into()),
        }
    }

    pub(crate) fn is_service_not_found(&self) -> bool {
        self.status == 404 && self.code == "service_not_found"
    }
}

/// A conclusive response.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Valid(Arc<Answer>),
    Refused(TokenError),
}

#[derive(Deserialize)]
struct ValidBody {
    valid: bool,
    payload: User,
    expires_at: u64,
    access: AccessBody,
}

#[derive(Deserialize)]
struct AccessBody {
    service_id: i64,
    roles: Vec<String>,
    permissions: Vec<String>,
    policy_version: i64,
    max_age: u64,
}

#[derive(Deserialize)]
struct ErrorBody {
    valid: Option<bool>,
    error: String,
}

impl From<ValidBody> for Answer {
    fn from(body: ValidBody) -> Self {
        let AccessBody {
            service_id,
            roles,
            permissions,
            policy_version,
            max_age,
        } = body.access;
        Self {
            user: body.payload,
            expires_at: body.expires_at,
            service_id,
            roles,
            permissions,
            policy_version,
            max_age,
        }
    }
}

/// Reads a response of `POST /check-token`.
pub(crate) fn read(response: &PostResponse) -> Result<Verdict, Unavailable> {
    if response.status == 200
        && let Ok(body) = serde_json::from_slice::<ValidBody>(&response.body)
        && body.valid
    {
        return Ok(Verdict::Valid(Arc::new(body.into())));
    }

    let error = (response.status >= 400)
        .then(|| serde_json::from_slice::<ErrorBody>(&response.body).ok())
        .flatten();
    match error {
        // `valid` shows that the 401 is from the service. A proxy knows nothing about the token.
        Some(ErrorBody {
            valid: Some(false),
            error,
        }) if response.status == 401 => Ok(Verdict::Refused(token_error(&error))),
        error => Err(Unavailable {
            status: response.status,
            code: error
                .map(|body| body.error)
                .filter(|code| is_code(code))
                .unwrap_or_else(|| "invalid_answer".to_owned()),
            retry_after: retry_after(response),
            source: None,
        }),
    }
}

fn token_error(code: &str) -> TokenError {
    match code {
        "expired_token" => TokenError::ExpiredToken,
        "missing_token_header" => TokenError::MissingTokenHeader,
        _ => TokenError::InvalidToken,
    }
}

fn retry_after(response: &PostResponse) -> Option<Duration> {
    let seconds = response.retry_after.as_deref()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
