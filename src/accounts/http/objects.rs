//! The objects of the contract that several handlers answer with (CONTRACT §3).

use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::domain::sign_in::{IssuedSession, TokenPair, WebSession};
use crate::accounts::model::records;

/// An account, as its owner and internal services see it.
#[derive(Serialize, ToSchema)]
pub struct User {
    /// UUID.
    #[schema(format = "uuid")]
    id: String,
    /// In lower case.
    email: String,
    /// Whether a provider vouched for the address.
    email_verified: bool,
    /// The person's name.
    #[schema(required)]
    name: Option<String>,
    /// An `https` address.
    #[schema(required)]
    picture: Option<String>,
    /// How the account came to be.
    #[schema(example = "google")]
    auth_method: String,
    /// The provider of the account's first identity.
    #[schema(required)]
    provider: Option<String>,
    /// The subject at that provider.
    #[schema(required)]
    provider_id: Option<String>,
    /// The same as `provider_id`.
    #[serde(rename = "providerId")]
    #[schema(required)]
    provider_id_camel: Option<String>,
    /// When the account was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it last changed.
    #[schema(format = "date-time")]
    updated_at: String,
    /// When its owner last signed in.
    #[schema(required, format = "date-time")]
    last_login_at: Option<String>,
    /// Where its owner last signed in: `web`, `ios` or `api`.
    #[schema(required)]
    last_login_platform: Option<String>,
}

impl From<records::User> for User {
    fn from(user: records::User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            name: user.name,
            picture: user.picture,
            auth_method: user.auth_method,
            provider: user.provider,
            provider_id_camel: user.provider_id.clone(),
            provider_id: user.provider_id,
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
            last_login_at: user.last_login_at.map(|at| at.to_string()),
            last_login_platform: user.last_login_platform,
        }
    }
}

/// An account, wrapped.
#[derive(Serialize, ToSchema)]
pub struct UserAnswer {
    /// Always `true`.
    pub success: bool,
    /// The account.
    pub user: User,
}

/// A sign-in. The token fields are given in both spellings that clients use.
#[derive(Serialize, ToSchema)]
pub struct AuthResponse {
    /// Always `true`.
    success: bool,
    /// The account.
    user: User,
    /// A JWT; for a web session, the session token.
    access_token: String,
    /// The same.
    #[serde(rename = "accessToken")]
    access_token_camel: String,
    /// Null for a web session.
    #[schema(required)]
    refresh_token: Option<String>,
    /// The same.
    #[serde(rename = "refreshToken")]
    #[schema(required)]
    refresh_token_camel: Option<String>,
    /// Seconds until the access token ends.
    expires_in: i64,
    /// The same.
    #[serde(rename = "expiresIn")]
    expires_in_camel: i64,
    /// Where a web session was made: its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
    /// Where a web session was made: its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    session_expires_at: Option<String>,
}

impl From<TokenPair> for AuthResponse {
    fn from(pair: TokenPair) -> Self {
        let refresh_token = Some(pair.refresh_token.reveal().to_owned());
        Self {
            success: true,
            user: pair.user.into(),
            access_token_camel: pair.access_token.clone(),
            access_token: pair.access_token,
            refresh_token_camel: refresh_token.clone(),
            refresh_token,
            expires_in: pair.expires_in,
            expires_in_camel: pair.expires_in,
            session_token: None,
            session_expires_at: None,
        }
    }
}

impl From<IssuedSession> for AuthResponse {
    fn from(complete: IssuedSession) -> Self {
        Self {
            session_token: Some(complete.session_token.reveal().to_owned()),
            session_expires_at: Some(complete.session_expires_at.to_string()),
            ..complete.pair.into()
        }
    }
}

impl From<WebSession> for AuthResponse {
    fn from(session: WebSession) -> Self {
        let token = session.token.reveal().to_owned();
        Self {
            success: true,
            user: session.user.into(),
            access_token_camel: token.clone(),
            access_token: token.clone(),
            refresh_token_camel: None,
            refresh_token: None,
            expires_in: session.expires_in,
            expires_in_camel: session.expires_in,
            session_token: Some(token),
            session_expires_at: Some(session.expires_at.to_string()),
        }
    }
}

/// That it worked, in a sentence.
#[derive(Serialize, ToSchema)]
pub struct Message {
    /// Always `true`.
    success: bool,
    /// A sentence.
    message: &'static str,
}

impl Message {
    /// That it worked.
    #[must_use]
    pub const fn new(message: &'static str) -> Self {
        Self {
            success: true,
            message,
        }
    }
}
