//! `/api/internal/*`: what hamrah-app's server asks for. Behind the internal-key gate.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::domain::authenticate;
use crate::accounts::domain::authenticate::{AuthenticateRejection, Credential};
use crate::accounts::domain::devices::client;
use crate::accounts::domain::sign_in::AccountSelector;
use crate::accounts::domain::users::Identity;
use crate::accounts::domain::{sign_in, users};
use crate::accounts::http::App;
use crate::accounts::http::objects::{AuthResponse, User, UserAnswer};
use crate::accounts::model::email::Email;
use crate::accounts::model::records::Platform;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty, lenient_bool};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::SessionToken;
use crate::kernel::model::text;

/// Somebody whom a provider identified, or, for tokens, an account that exists.
///
/// Fields that would raise what the caller may claim (`id`, `email_verified: true`, `role`) are not
/// among them.
#[derive(Deserialize, ToSchema)]
pub struct Person {
    /// Needed for a new account. Empty means absent.
    #[serde(default, deserialize_with = "absent_if_empty")]
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// `false`: the provider did not verify this address. Nothing else has an effect: whether an
    /// address counts as verified follows from the provider.
    #[serde(default, alias = "emailVerified", deserialize_with = "lenient_bool")]
    email_verified: Option<bool>,
    /// Fills an empty name of the account.
    #[serde(default, deserialize_with = "absent_if_empty")]
    name: Option<String>,
    /// Fills an empty picture of the account.
    #[serde(default, deserialize_with = "absent_if_empty")]
    picture: Option<String>,
    /// How they signed in; the provider, if absent.
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
    /// Instead of an identity: the account. Only for tokens.
    #[serde(default, alias = "userId", deserialize_with = "absent_if_empty")]
    user_id: Option<String>,
    /// `web`, `ios` or `api`.
    #[schema(example = "web")]
    platform: String,
    /// From the iOS app, where App Attest is required: base64 of JSON with `attestation_object`,
    /// `challenge` and `key_id`.
    #[serde(
        default,
        alias = "clientAttestation",
        deserialize_with = "absent_if_empty"
    )]
    client_attestation: Option<String>,
    /// What the person's client calls itself.
    #[serde(default, alias = "userAgent", deserialize_with = "absent_if_empty")]
    user_agent: Option<String>,
}

impl Person {
    fn platform(&self) -> Result<Platform, Code> {
        Platform::parse(&self.platform).ok_or(Code::InvalidPlatform)
    }

    /// Where it came from: the call is the service's, the client is the person's.
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
        let email = self
            .email
            .as_deref()
            .map(|email| Email::parse(email).ok_or(Code::InvalidEmail))
            .transpose()?;
        Ok(Identity {
            provider,
            provider_id: self
                .provider_id
                .as_deref()
                .and_then(text::subject)
                .ok_or(Code::InvalidProviderId)?,
            email,
            email_unverified: self.email_verified == Some(false),
            name: self
                .name
                .as_deref()
                .map(|name| text::name(name).ok_or(Code::InvalidName))
                .transpose()?,
            picture: self
                .picture
                .as_deref()
                .map(|picture| text::picture(picture).ok_or(Code::InvalidPicture))
                .transpose()?,
            auth_method,
            platform: self.platform()?,
        })
    }
}

/// `POST /api/internal/users`: finds, links or makes the account of an identity.
///
/// Found by provider and provider's id; else linked by e-mail, only if both sides have it verified;
/// else made.
///
/// # Errors
/// 422 for a field that is not valid.
#[utoipa::path(post, path = "/api/internal/users", tag = "internal", request_body = Person, responses((status = 200, body = UserAnswer)))]
pub async fn create_user(
    State(app): State<App>,
    origin: RequestOrigin,
    AppJson(body): AppJson<Person>,
) -> Result<AppJson<UserAnswer>, ApiError> {
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
    Ok(AppJson(UserAnswer {
        success: true,
        user: user.into(),
    }))
}

/// `POST /api/internal/tokens`: a pair of access and refresh token, for an identity (as for users)
/// or for a `user_id`.
///
/// # Errors
/// 422 for a field that is not valid; 404 for an unknown `user_id`.
#[utoipa::path(post, path = "/api/internal/tokens", tag = "internal", request_body = Person, responses((status = 200, body = AuthResponse)))]
pub async fn create_tokens(
    State(app): State<App>,
    origin: RequestOrigin,
    AppJson(body): AppJson<Person>,
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

/// An account to sign in.
#[derive(Deserialize, ToSchema)]
pub struct NewSession {
    /// The account.
    #[serde(alias = "userId")]
    #[schema(format = "uuid")]
    user_id: String,
    /// `web`, `ios` or `api`.
    #[schema(example = "web")]
    platform: String,
    /// What the person's client calls itself.
    #[serde(default, alias = "userAgent", deserialize_with = "absent_if_empty")]
    user_agent: Option<String>,
}

/// `POST /api/internal/sessions`: a web session; `access_token` and `session_token` are both its
/// token.
///
/// # Errors
/// 404 for an unknown account.
#[utoipa::path(post, path = "/api/internal/sessions", tag = "internal", request_body = NewSession, responses((status = 200, body = AuthResponse)))]
pub async fn create_session(
    State(app): State<App>,
    origin: RequestOrigin,
    AppJson(body): AppJson<NewSession>,
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

/// A session token to ask about.
#[derive(Deserialize, ToSchema)]
pub struct SessionQuestion {
    /// The token: the session cookie's value.
    #[serde(alias = "sessionToken")]
    session_token: String,
}

/// A live session.
#[derive(Serialize, ToSchema)]
pub struct SessionAnswer {
    success: bool,
    /// Its account.
    user: User,
    /// When it ends, if it is not used.
    #[schema(format = "date-time")]
    expires_at: String,
    /// Whether it was extended just now: then the cookie should be written again.
    renewed: bool,
    /// How the owner proved who they are, last: authentication methods (RFC 8176).
    #[schema(example = json!(["swk", "user", "mfa"]))]
    amr: Vec<String>,
    /// When they did.
    #[schema(format = "date-time")]
    auth_time: String,
}

/// `POST /api/internal/sessions/validate`: whether a session token is live, and whose.
///
/// # Errors
/// 401 for anything else; where App Attest is required also for a session of iOS, which is good on
/// its device only.
#[utoipa::path(post, path = "/api/internal/sessions/validate", tag = "internal", request_body = SessionQuestion, responses((status = 200, body = SessionAnswer)))]
pub async fn validate_session(
    State(app): State<App>,
    AppJson(body): AppJson<SessionQuestion>,
) -> Result<AppJson<SessionAnswer>, ApiError> {
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
    Ok(AppJson(SessionAnswer {
        success: true,
        user: signed_in.user.into(),
        expires_at: signed_in.expires_at.to_string(),
        renewed: signed_in.renewed,
        amr: signed_in.session.amr.methods().to_vec(),
        auth_time: signed_in.session.authenticated_at.to_string(),
    }))
}

/// An address to ask about.
#[derive(Deserialize, ToSchema)]
pub struct EmailQuestion {
    /// The address.
    #[schema(example = "ada@example.com")]
    email: String,
}

/// Whose address it is.
#[derive(Serialize, ToSchema)]
pub struct EmailAnswer {
    success: bool,
    /// Whether there is an account.
    user_exists: bool,
    /// The account, or null.
    #[schema(required)]
    user: Option<User>,
}

/// `POST /api/internal/users/by-email`: the account of an address: the one that has it verified,
/// else the oldest that claims it.
///
/// An account whose `email_verified` is false merely claims the address: sign nobody in to it
/// because of the address.
///
/// # Errors
/// 422 for what is no address.
#[utoipa::path(post, path = "/api/internal/users/by-email", tag = "internal", request_body = EmailQuestion, responses((status = 200, body = EmailAnswer)))]
pub async fn user_by_email(
    State(app): State<App>,
    AppJson(body): AppJson<EmailQuestion>,
) -> Result<AppJson<EmailAnswer>, ApiError> {
    let email = Email::parse(&body.email).ok_or(Code::InvalidEmail)?;
    let user = users::by_email(&app.ports, &email).await?;
    Ok(AppJson(EmailAnswer {
        success: true,
        user_exists: user.is_some(),
        user: user.map(Into::into),
    }))
}
