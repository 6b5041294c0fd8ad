//! What the service says, read strictly: what is missing or of another kind lets nobody in.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::{Reply, TransportError};

/// Who somebody is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub user_id: i64,
    /// Their username.
    pub username: String,
    /// Their name.
    pub name: String,
}

/// What the service said about a token that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose it is.
    pub user: User,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
    /// The service's number.
    pub service_id: i64,
    /// Their roles there.
    pub roles: Vec<String>,
    /// Their permissions there.
    pub permissions: Vec<String>,
    /// The service's version.
    pub policy_version: i64,
    /// For how many seconds this may be relied on: not longer than the first of the grants lasts.
    pub max_age: u64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// There is none.
    MissingTokenHeader,
    /// It is none, or was revoked.
    InvalidToken,
    /// It has ended.
    ExpiredToken,
}

impl TokenError {
    /// As the service calls it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::MissingTokenHeader => "missing_token_header",
            Self::InvalidToken => "invalid_token",
            Self::ExpiredToken => "expired_token",
        }
    }
}

/// The service could not be asked, or did not answer as it does: nobody knows whether the token is good.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the authorization service cannot be asked: {code}")]
pub struct Unavailable {
    /// The status of the service's answer; 0 if there was none.
    pub status: u16,
    /// The service's own code, or `network`, `invalid_answer`.
    pub code: String,
    /// After which time it may be asked again, where the service said so in seconds.
    pub retry_after: Option<Duration>,
    /// What went wrong below.
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

/// An answer that decides.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Good(Arc<Answer>),
    Refused(TokenError),
}

#[derive(Deserialize)]
struct Good {
    valid: bool,
    payload: User,
    expires_at: u64,
    access: Granted,
}

#[derive(Deserialize)]
struct Granted {
    service_id: i64,
    roles: Vec<String>,
    permissions: Vec<String>,
    policy_version: i64,
    max_age: u64,
}

#[derive(Deserialize)]
struct Bad {
    valid: Option<bool>,
    error: String,
}

pub(crate) fn read(reply: &Reply) -> Result<Said, Unavailable> {
    let bad = (reply.status >= 400)
        .then(|| serde_json::from_slice::<Bad>(&reply.body).ok())
        .flatten();
    let good = (reply.status == 200)
        .then(|| serde_json::from_slice::<Good>(&reply.body).ok())
        .flatten();
    if let Some(Good {
        valid: true,
        payload: user,
        expires_at,
        access,
    }) = good
    {
        let Granted {
            service_id,
            roles,
            permissions,
            policy_version,
            max_age,
        } = access;
        return Ok(Said::Good(Arc::new(Answer {
            user,
            expires_at,
            service_id,
            roles,
            permissions,
            policy_version,
            max_age,
        })));
    }
    match bad {
        // Only the service's own: something in between knows nothing of the token.
        Some(Bad {
            valid: Some(false),
            error,
        }) if reply.status == 401 => Ok(Said::Refused(match error.as_str() {
            "expired_token" => TokenError::ExpiredToken,
            "missing_token_header" => TokenError::MissingTokenHeader,
            _ => TokenError::InvalidToken,
        })),
        bad => Err(Unavailable {
            status: reply.status,
            code: bad
                .map(|bad| bad.error)
                .filter(|code| is_code(code))
                .unwrap_or_else(|| "invalid_answer".to_owned()),
            retry_after: reply
                .retry_after
                .as_deref()
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
            source: None,
        }),
    }
}

fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
