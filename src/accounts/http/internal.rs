//! `/api/internal/*`: the endpoints of the web app's server, behind the internal-key middleware.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::authenticate;
use crate::accounts::domain::authenticate::{AuthenticateRejection, Credential};
use crate::accounts::domain::devices::client;
use crate::accounts::domain::sign_in::AccountSelector;
use crate::accounts::domain::users::Identity;
use crate::accounts::domain::{sign_in, users};
use crate::accounts::http::AccountsState;
use crate::accounts::http::objects::{AuthResponse, IdentifyUserResponse, UserResponse};
use crate::accounts::model::email::Email;
use crate::accounts::model::records::Platform;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{
    AppJson, absent_if_empty, bool_claim, text_claim, text_claim_only,
};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::SessionToken;
use crate::kernel::model::text;

/// A user whom an identity provider has identified or, for tokens, an existing account.
///
/// Fields that would raise the caller's rights (`id`, `email_verified: true`, `role`) do not exist.
#[derive(Deserialize, ToSchema)]
pub struct IdentityRequest {
    /// The user's address. A new account needs one. An empty text counts as absent.
    #[serde(default, deserialize_with = "text_claim")]
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// `false` if the provider did not verify the address. Other values have no effect, because the
    /// provider decides whether an address counts as verified.
    #[serde(default, alias = "emailVerified", deserialize_with = "bool_claim")]
    email_verified: Option<bool>,
    /// The user's name. It is stored if the account has none.
    #[serde(default, deserialize_with = "text_claim_only")]
    name: Option<String>,
    /// The user's picture. It is stored if the account has none.
    #[serde(default, deserialize_with = "text_claim_only")]
    picture: Option<String>,
    /// The method of the sign-in. If absent, it is the provider.
    #[serde(default, alias = "authMethod", deserialize_with = "absent_if_empty")]
    #[schema(example = "google")]
    auth_method: Option<String>,
    /// The identity provider.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "google")]
    provider: Option<String>,
    /// The subject at the provider.
    #[serde(default, alias = "providerId", deserialize_with = "absent_if_empty")]
    #[schema(example = "108204268033311374519")]
    provider_id: Option<String>,
    /// The account, in place of an identity. Only for tokens.
    #[serde(default, alias = "userId", deserialize_with = "absent_if_empty")]
    user_id: Option<String>,
    /// `web`, `ios` or `api`.
    #[schema(example = "web")]
    platform: String,
    /// The attestation of the iOS app if App Attest is required: base64 of JSON with
    /// `attestation_object`, `challenge` and `key_id`.
    #[serde(
        default,
        alias = "clientAttestation",
        deserialize_with = "absent_if_empty"
    )]
    client_attestation: Option<String>,
    /// The `User-Agent` of the user's client.
    #[serde(default, alias = "userAgent", deserialize_with = "text_claim_only")]
    user_agent: Option<String>,
}

impl IdentityRequest {
    fn platform(&self) -> Result<Platform, Code> {
        Platform::parse(&self.platform).ok_or(Code::InvalidPlatform)
    }

    /// Returns the origin with the client of the user, because the request itself comes from the
    /// service.
    fn origin(&self, origin: RequestOrigin) -> RequestOrigin {
        RequestOrigin {
            user_agent: self.user_agent.as_deref().and_then(text::user_agent),
            ..origin
        }
    }

    fn identity(&self) -> Result<Identity, Code> {
        let provider = self
            .provider
            .as_deref()
            .and_then(text::slug)
            .ok_or(Code::InvalidProvider)?;
        let auth_method = match self.auth_method.as_deref() {
            None => provider.clone(),
            Some(method) => text::slug(method).ok_or(Code::InvalidAuthMethod)?,
        };
        // Claims are voluntary (OpenID Connect Core §5.1). An unfit one is cleaned or left out.
        let email = self.email.as_deref().and_then(Email::parse);
        Ok(Identity {
            provider,
            provider_id: self
                .provider_id
                .as_deref()
                .and_then(text::subject)
                .ok_or(Code::InvalidProviderId)?,
            email_unfit: self.email.is_some() && email.is_none(),
            email,
            email_unverified: self.email_verified == Some(false),
            name: self.name.as_deref().and_then(text::cleaned_name),
            picture: self.picture.as_deref().and_then(text::picture),
            auth_method,
            platform: self.platform()?,
        })
    }
}

/// `POST /api/internal/users`: finds, links or creates the account of an identity.
///
/// The account is found by provider and provider's id. Otherwise it is linked by its address if
/// both the provider and the account have it verified. Otherwise it is created.
///
/// # Errors
/// 422 for a field that is not valid.
#[utoipa::path(
    post,
    path = "/api/internal/users",
    tag = "internal",
    request_body = IdentityRequest,
    responses((status = 200, body = IdentifyUserResponse)),
)]
pub async fn create_user(
    State(app): State<AccountsState>,
    origin: RequestOrigin,
    AppJson(body): AppJson<IdentityRequest>,
) -> Result<AppJson<IdentifyUserResponse>, ApiError> {
    if body.user_id.is_some() {
        return Err(Code::AmbiguousSubject.into());
    }
    let identity = body.identity()?;
    let origin = body.origin(origin);
    let device = client::verify_client_attestation(
        &app.ports,
        identity.platform,
        body.client_attestation.as_deref(),
    )
    .await?;
    let user = users::identify(&app.ports, &identity, device.as_ref(), &origin).await?;
    Ok(AppJson(IdentifyUserResponse {
        success: true,
        user: user.into(),
    }))
}

/// `POST /api/internal/tokens`: creates a token pair for an identity or for a `user_id`.
///
/// # Errors
/// 422 for a field that is not valid; 404 for an unknown `user_id`.
#[utoipa::path(
    post,
    path = "/api/internal/tokens",
    tag = "internal",
    request_body = IdentityRequest,
    responses((status = 200, body = AuthResponse)),
)]
pub async fn create_tokens(
    State(app): State<AccountsState>,
    origin: RequestOrigin,
    AppJson(body): AppJson<IdentityRequest>,
) -> Result<AppJson<AuthResponse>, ApiError> {
    let platform = body.platform()?;
    let origin = body.origin(origin);
    let known = match (&body.user_id, &body.provider, &body.provider_id) {
        (Some(id), None, None) => Some(UserId::parse(id).ok_or(Code::InvalidUserId)?),
        (Some(_), _, _) => return Err(Code::AmbiguousSubject.into()),
        (None, _, _) => None,
    };
    let identity = if known.is_none() {
        Some(body.identity()?)
    } else {
        None
    };
    let device =
        client::verify_client_attestation(&app.ports, platform, body.client_attestation.as_deref())
            .await?;
    let who = match (known, &identity) {
        (Some(user), _) => AccountSelector::User(user),
        (None, Some(identity)) => AccountSelector::Identity(identity),
        (None, None) => return Err(Code::AmbiguousSubject.into()),
    };
    let pair = sign_in::token_pair(&app.ports, who, platform, device.as_ref(), &origin).await?;
    Ok(AppJson(pair.into()))
}

/// The body of `POST /api/internal/sessions`.
#[derive(Deserialize, ToSchema)]
pub struct SessionCreateRequest {
    /// The account's id.
    #[serde(alias = "userId")]
    #[schema(format = "uuid")]
    user_id: String,
    /// `web`, `ios` or `api`.
    #[schema(example = "web")]
    platform: String,
    /// The `User-Agent` of the user's client.
    #[serde(default, alias = "userAgent", deserialize_with = "text_claim_only")]
    user_agent: Option<String>,
}

/// `POST /api/internal/sessions`: creates a web session. Both `access_token` and `session_token`
/// hold its token.
///
/// # Errors
/// 404 for an unknown account.
#[utoipa::path(
    post,
    path = "/api/internal/sessions",
    tag = "internal",
    request_body = SessionCreateRequest,
    responses((status = 200, body = AuthResponse)),
)]
pub async fn create_session(
    State(app): State<AccountsState>,
    origin: RequestOrigin,
    AppJson(body): AppJson<SessionCreateRequest>,
) -> Result<AppJson<AuthResponse>, ApiError> {
    let platform = Platform::parse(&body.platform).ok_or(Code::InvalidPlatform)?;
    let user = UserId::parse(&body.user_id).ok_or(Code::InvalidUserId)?;
    let origin = RequestOrigin {
        user_agent: body.user_agent.as_deref().and_then(text::user_agent),
        ..origin
    };
    let session =
        sign_in::web_session(&app.ports, AccountSelector::User(user), platform, &origin).await?;
    Ok(AppJson(session.into()))
}

/// The body of `POST /api/internal/sessions/validate`.
#[derive(Deserialize, ToSchema)]
pub struct SessionValidateRequest {
    /// The value of the session cookie.
    #[serde(alias = "sessionToken")]
    session_token: String,
}

/// The response with a live session.
#[derive(Serialize, ToSchema)]
pub struct SessionValidateResponse {
    success: bool,
    /// The account of the session.
    user: UserResponse,
    /// When the session expires if it is not used.
    #[schema(format = "date-time")]
    expires_at: String,
    /// Whether this request extended the session. If so, set the cookie again.
    renewed: bool,
    /// The methods of the last authentication (RFC 8176).
    #[schema(example = json!(["swk", "user", "mfa"]))]
    amr: Vec<String>,
    /// When the account owner last authenticated.
    #[schema(format = "date-time")]
    auth_time: String,
}

/// `POST /api/internal/sessions/validate`: validates a session token and returns its account.
///
/// # Errors
/// 401 for every other token. If App Attest is required, also for a session of iOS, which is valid
/// on its device only.
#[utoipa::path(
    post,
    path = "/api/internal/sessions/validate",
    tag = "internal",
    request_body = SessionValidateRequest,
    responses((status = 200, body = SessionValidateResponse)),
)]
pub async fn validate_session(
    State(app): State<AccountsState>,
    AppJson(body): AppJson<SessionValidateRequest>,
) -> Result<AppJson<SessionValidateResponse>, ApiError> {
    let token = SessionToken::parse(&body.session_token).ok_or(AuthenticateRejection::NoSession)?;
    let credential = Credential::Session(token);
    let mut signed_in = authenticate::authenticate(&app.ports, &credential).await?;
    if !authenticate::stands_alone(&app.ports, &signed_in) {
        return Err(ApiError::because(
            Code::InvalidToken,
            "a session of iOS, whose device is not here",
        ));
    }
    if signed_in.session.recovering {
        return Err(ApiError::because(
            Code::InvalidToken,
            "a recovery that is not complete",
        ));
    }
    authenticate::keep_alive(&app.ports, &credential, &mut signed_in).await?;
    Ok(AppJson(SessionValidateResponse {
        success: true,
        user: signed_in.user.into(),
        expires_at: signed_in.expires_at.to_string(),
        renewed: signed_in.renewed,
        amr: signed_in.session.amr.methods().to_vec(),
        auth_time: signed_in.session.authenticated_at.to_string(),
    }))
}

/// The body of `POST /api/internal/users/by-email`.
#[derive(Deserialize, ToSchema)]
pub struct UserByEmailRequest {
    /// The address.
    #[schema(example = "ada@example.com")]
    email: String,
}

/// The response with the account of an address.
#[derive(Serialize, ToSchema)]
pub struct UserByEmailResponse {
    success: bool,
    /// Whether an account has the address.
    user_exists: bool,
    /// The account or null.
    #[schema(required)]
    user: Option<UserResponse>,
}

/// `POST /api/internal/users/by-email`: returns the account that has the address verified, or else
/// the oldest account that claims it.
///
/// An account whose `email_verified` is false only claims the address. Do not sign a user in to it
/// because of the address.
///
/// # Errors
/// 422 for an invalid address.
#[utoipa::path(
    post,
    path = "/api/internal/users/by-email",
    tag = "internal",
    request_body = UserByEmailRequest,
    responses((status = 200, body = UserByEmailResponse)),
)]
pub async fn user_by_email(
    State(app): State<AccountsState>,
    AppJson(body): AppJson<UserByEmailRequest>,
) -> Result<AppJson<UserByEmailResponse>, ApiError> {
    let email = Email::parse(&body.email).ok_or(Code::InvalidEmail)?;
    let user = users::by_email(&app.ports, &email).await?;
    Ok(AppJson(UserByEmailResponse {
        success: true,
        user_exists: user.is_some(),
        user: user.map(Into::into),
    }))
}
