//! The response objects that several handlers share (CONTRACT §3).

use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::domain::sign_in::{IssuedSession, TokenPair, WebSession};
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records;
use crate::kernel::model::ids::ChallengeId;

/// An account, for its owner and for internal services.
#[derive(Serialize, ToSchema)]
pub struct UserResponse {
    /// The account's id.
    #[schema(format = "uuid")]
    id: String,
    /// The address in lower case. Null if the account has none.
    #[schema(required)]
    email: Option<String>,
    /// Whether an identity provider verified the address.
    email_verified: bool,
    /// The user's name.
    #[schema(required)]
    name: Option<String>,
    /// An `https` URL.
    #[schema(required)]
    picture: Option<String>,
    /// The method by which the account was created.
    #[schema(example = "google")]
    auth_method: String,
    /// The provider of the account's first identity.
    #[schema(required)]
    provider: Option<String>,
    /// The subject at that provider.
    #[schema(required)]
    provider_id: Option<String>,
    /// `provider_id` in camel case.
    #[serde(rename = "providerId")]
    #[schema(required)]
    provider_id_camel: Option<String>,
    /// When the account was created.
    #[schema(format = "date-time")]
    created_at: String,
    /// When the account last changed.
    #[schema(format = "date-time")]
    updated_at: String,
    /// When the account owner last signed in.
    #[schema(required, format = "date-time")]
    last_login_at: Option<String>,
    /// The platform of the last sign-in: `web`, `ios` or `api`.
    #[schema(required)]
    last_login_platform: Option<String>,
}

impl From<records::User> for UserResponse {
    fn from(user: records::User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.address().map(str::to_owned),
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

/// The response with an account.
#[derive(Serialize, ToSchema)]
pub struct IdentifyUserResponse {
    /// Always `true`.
    pub success: bool,
    /// The account.
    pub user: UserResponse,
}

/// The response to a sign-in. The token fields have a second spelling in camel case for older
/// clients.
#[derive(Serialize, ToSchema)]
pub struct AuthResponse {
    /// Always `true`.
    success: bool,
    /// The account.
    user: UserResponse,
    /// The access token, a JWT. For a web session, the session token.
    access_token: String,
    /// `access_token` in camel case.
    #[serde(rename = "accessToken")]
    access_token_camel: String,
    /// The refresh token. Null for a web session.
    #[schema(required)]
    refresh_token: Option<String>,
    /// `refresh_token` in camel case.
    #[serde(rename = "refreshToken")]
    #[schema(required)]
    refresh_token_camel: Option<String>,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// `expires_in` in camel case.
    #[serde(rename = "expiresIn")]
    expires_in_camel: i64,
    /// The token of the web session, if one was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
    /// When the web session expires, if one was created.
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

/// The id of a challenge, in both spellings that clients read.
#[derive(Serialize, ToSchema)]
pub struct ChallengeIdFields {
    /// The challenge's id. It can be used once.
    #[schema(format = "uuid")]
    challenge_id: String,
    /// `challenge_id` in camel case.
    #[serde(rename = "challengeId")]
    challenge_id_camel: String,
}

impl From<ChallengeId> for ChallengeIdFields {
    fn from(id: ChallengeId) -> Self {
        Self {
            challenge_id: id.to_string(),
            challenge_id_camel: id.to_string(),
        }
    }
}

/// The id of a passkey, in both spellings that clients read.
#[derive(Serialize, ToSchema)]
pub struct CredentialIdFields {
    /// The passkey's id, base64url.
    credential_id: String,
    /// `credential_id` in camel case.
    #[serde(rename = "credentialId")]
    credential_id_camel: String,
}

impl From<&CredentialId> for CredentialIdFields {
    fn from(id: &CredentialId) -> Self {
        Self {
            credential_id: id.as_str().to_owned(),
            credential_id_camel: id.as_str().to_owned(),
        }
    }
}

/// The response to a request that returns no data.
#[derive(Serialize, ToSchema)]
pub struct MessageResponse {
    /// Always `true`.
    success: bool,
    /// A sentence for users.
    message: &'static str,
}

impl MessageResponse {
    /// Returns the response with a sentence for users.
    #[must_use]
    pub const fn new(message: &'static str) -> Self {
        Self {
            success: true,
            message,
        }
    }
}
