//! Sign-in, sign-out, and the check of tokens.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::access::EffectiveAccess;
use crate::authorization::domain::check::{Freshness, cache_until};
use crate::authorization::domain::tokens::{IssuedPersonToken, LoginCredentials, PersonTokenRow};
use crate::authorization::domain::{AuthenticatedPerson, new_people, tokens};
use crate::authorization::http::App;
use crate::authorization::http::extract::{CallerToken, IdOrNameField};
use crate::authorization::http::respond::CreatedResponse;
use crate::authorization::http::users::{PersonSummary, UserRequest};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};

/// The owner of a token.
#[derive(Serialize, ToSchema)]
#[schema(as = Payload)]
pub struct TokenOwner {
    /// The id of the person.
    #[schema(example = 1)]
    user_id: i64,
    /// The username.
    #[schema(example = "adm1")]
    username: String,
    /// The display name.
    #[schema(example = "Admin One")]
    name: String,
}

impl From<PersonTokenRow> for TokenOwner {
    fn from(token: PersonTokenRow) -> Self {
        Self {
            user_id: token.person_id,
            username: token.username,
            name: token.name,
        }
    }
}

/// A username and a password.
#[derive(Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The username.
    #[schema(example = "adm1")]
    username: String,
    /// The password.
    password: String,
    /// The six digits of an authenticator app. Required if TOTP is enabled for the account: a
    /// request without them gets `second_factor_required`.
    #[serde(default, deserialize_with = "absent_if_empty")]
    code: Option<String>,
}

/// A new token. The response is the only one that contains the token.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenAnswer)]
pub struct PersonTokenResponse {
    /// The token, for the header `token` of further requests.
    token: String,
    /// When the token expires, in seconds since 1970.
    expires_at: i64,
    /// The owner of the token.
    payload: TokenOwner,
}

impl From<IssuedPersonToken> for PersonTokenResponse {
    fn from(issued: IssuedPersonToken) -> Self {
        Self {
            token: issued.token.reveal().to_owned(),
            expires_at: issued.row.expires_at.seconds(),
            payload: issued.row.into(),
        }
    }
}

/// `POST /auth/login`: Issues a token for a username and a password.
///
/// # Errors
/// The same 401 for an unknown username, a wrong password and a wrong code.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "login",
    tag = "authorization",
    request_body = LoginRequest,
    responses((status = 200, body = PersonTokenResponse))
)]
pub async fn login(
    State(app): State<App>,
    origin: RequestOrigin,
    AppJson(body): AppJson<LoginRequest>,
) -> Result<AppJson<PersonTokenResponse>, ApiError> {
    let credentials = LoginCredentials {
        username: &body.username,
        password: &body.password,
        code: body.code.as_deref(),
    };
    let issued = tokens::login(&app.ports, credentials, &origin).await?;
    Ok(AppJson(issued.into()))
}

/// The response of a sign-out.
#[derive(Serialize, ToSchema)]
#[schema(as = LoggedOut)]
pub struct TokenLogoutResponse {
    /// The outcome: `logged_out`.
    #[schema(example = "logged_out")]
    status: &'static str,
}

/// `POST /auth/logout`: Revokes the token.
///
/// # Errors
/// 401 for an unknown, expired or revoked token.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "logout_token",
    tag = "authorization",
    responses((status = 200, body = TokenLogoutResponse))
)]
pub async fn logout(
    State(app): State<App>,
    CallerToken(token): CallerToken,
) -> Result<AppJson<TokenLogoutResponse>, ApiError> {
    tokens::logout(&app.ports, &token).await?;
    Ok(AppJson(TokenLogoutResponse {
        status: "logged_out",
    }))
}

/// The owner and the expiry of a token.
#[derive(Serialize, ToSchema)]
pub struct Profile {
    /// The owner.
    payload: TokenOwner,
    /// Whether this request renewed the token.
    renewed: bool,
    /// When the token expires, in seconds since 1970.
    expires_at: i64,
}

impl From<AuthenticatedPerson> for Profile {
    fn from(caller: AuthenticatedPerson) -> Self {
        Self {
            renewed: caller.renewed,
            expires_at: caller.token.expires_at.seconds(),
            payload: caller.token.into(),
        }
    }
}

/// `GET /auth/profile`: Returns the owner of the token.
///
/// # Errors
/// 401 for an unknown, expired or revoked token.
#[utoipa::path(
    get,
    path = "/auth/profile",
    operation_id = "profile",
    tag = "authorization",
    responses((status = 200, body = Profile))
)]
pub async fn profile(
    State(app): State<App>,
    CallerToken(token): CallerToken,
) -> Result<AppJson<Profile>, ApiError> {
    Ok(AppJson(tokens::profile(&app.ports, &token).await?.into()))
}

/// The conditions on a token. All members are optional.
#[derive(Default, Deserialize, ToSchema)]
pub struct CheckTokenRequest {
    /// The id of the person who must own the token.
    #[serde(default)]
    user_id: Option<IdOrNameField>,
    /// The id or the name of a service. The response then contains the owner's roles and
    /// permissions in the service.
    #[serde(default, alias = "service")]
    service_id: Option<IdOrNameField>,
}

/// The body of a token check, which may be empty.
pub struct OptionalCheckBody(CheckTokenRequest);

impl FromRequest<App> for OptionalCheckBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), app)
            .await
            .map_err(|rejection| ApiError::from_status(rejection.status()))?;
        if bytes.is_empty() {
            return Ok(Self(CheckTokenRequest::default()));
        }
        let request = Request::from_parts(parts, bytes.into());
        let AppJson(body) = AppJson::from_request(request, app).await?;
        Ok(Self(body))
    }
}

/// The roles and permissions of a person in a service, by name.
#[derive(Serialize, ToSchema)]
pub struct AccessAnswer {
    /// The id of the service.
    #[schema(example = 1)]
    service_id: i64,
    /// The names of the roles.
    #[schema(example = json!(["Admin"]))]
    roles: Vec<String>,
    /// The names of the permissions: those of the roles and direct ones.
    #[schema(example = json!(["read", "write"]))]
    permissions: Vec<String>,
    /// The policy version of the service. A cached answer is valid only while the version is the
    /// same.
    #[schema(example = 7)]
    policy_version: i64,
}

impl From<EffectiveAccess> for AccessAnswer {
    fn from(access: EffectiveAccess) -> Self {
        let permissions = access.permissions.into_iter();
        Self {
            service_id: access.service.id,
            roles: access.roles.into_iter().map(|role| role.name).collect(),
            permissions: permissions.map(|permission| permission.name).collect(),
            policy_version: access.service.policy_version,
        }
    }
}

/// A valid token.
#[derive(Serialize, ToSchema)]
pub struct CheckedToken {
    /// Always `true`.
    valid: bool,
    /// The owner and the expiry of the token.
    #[serde(flatten)]
    profile: Profile,
    /// The owner's access in the service, if the request names a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<CheckedAccess>,
}

/// The access of a person in a service, and how long a client may cache it.
#[derive(Serialize, ToSchema)]
pub struct CheckedAccess {
    #[serde(flatten)]
    access: AccessAnswer,
    /// How long a client may cache the access, in seconds from the request: at most a minute, and
    /// not beyond the expiry of the token or of the first grant.
    #[schema(example = 60)]
    max_age: i64,
}

/// `POST /check-token`: Checks a token, and returns its owner's access in a service.
///
/// # Errors
/// 401 with `valid: false` for an invalid token, and for a token that `user_id` does not own.
#[utoipa::path(
    post,
    path = "/check-token",
    operation_id = "check_token",
    tag = "authorization",
    request_body = Option<CheckTokenRequest>,
    responses((status = 200, body = CheckedToken))
)]
pub async fn check_token(
    State(app): State<App>,
    token: Result<CallerToken, ApiError>,
    OptionalCheckBody(body): OptionalCheckBody,
) -> Result<AppJson<CheckedToken>, ApiError> {
    let CallerToken(token) = token.map_err(mark_invalid)?;
    let user = body
        .user_id
        .map(|user| user.id(Code::InvalidUserNumber))
        .transpose()?;
    let service = body
        .service_id
        .map(|service| service.service())
        .transpose()?;
    let checked = tokens::check(&app.ports, &token, user, service.as_ref()).await;
    let (caller, access) = checked.map_err(|error| mark_invalid(error.into()))?;
    let access = access.map(|access| {
        let expiries = [Some(caller.token.expires_at), access.until];
        let until = cache_until(caller.now, expiries, Freshness::Eventual);
        CheckedAccess {
            access: access.into(),
            max_age: until.seconds_since(caller.now),
        }
    });
    Ok(AppJson(CheckedToken {
        valid: true,
        profile: caller.into(),
        access,
    }))
}

/// Adds `valid: false` to a 401.
fn mark_invalid(error: ApiError) -> ApiError {
    if error.code.status() == http::StatusCode::UNAUTHORIZED {
        error.with("valid", false.into())
    } else {
        error
    }
}

/// The person for whom a backend gets a token.
#[derive(Deserialize, ToSchema)]
pub struct ServiceTokenRequest {
    /// The id or the username of the person as whom the backend acts.
    person_id: IdOrNameField,
}

/// `POST /service-tokens`: Issues a token for a backend that acts as a person. It lives longer than
/// a token of a person who signed in.
///
/// # Errors
/// 403 without `auth.administer`.
#[utoipa::path(
    post,
    path = "/service-tokens",
    operation_id = "issue_service_token",
    tag = "authorization",
    request_body = ServiceTokenRequest,
    responses((status = 201, body = PersonTokenResponse))
)]
pub async fn issue(
    State(app): State<App>,
    CallerToken(token): CallerToken,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceTokenRequest>,
) -> Result<CreatedResponse<PersonTokenResponse>, ApiError> {
    let person = body.person_id.person()?;
    let issued = tokens::issue(&app.ports, &token, &person, &origin).await?;
    Ok(CreatedResponse(issued.into()))
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
pub struct BootstrapRequest {
    /// The value of `BOOTSTRAP_SECRET`.
    secret: String,
    /// The person to create.
    #[serde(flatten)]
    user: UserRequest,
}

/// `POST /auth/bootstrap`: Creates the first administrator, for a caller with the bootstrap secret.
///
/// # Errors
/// 401 for a wrong secret; 403 if no secret is configured, or if an administrator exists.
#[utoipa::path(
    post,
    path = "/auth/bootstrap",
    operation_id = "bootstrap",
    tag = "authorization",
    request_body = BootstrapRequest,
    responses((status = 201, body = PersonSummary))
)]
pub async fn bootstrap(
    State(app): State<App>,
    origin: RequestOrigin,
    AppJson(body): AppJson<BootstrapRequest>,
) -> Result<CreatedResponse<PersonSummary>, ApiError> {
    let settings = &app.ports.config;
    if !settings.has_bootstrap_secret() {
        return Err(Code::BootstrapClosed.into());
    }
    if !settings.is_bootstrap_secret(body.secret.as_bytes()) {
        return Err(ApiError::because(
            Code::InvalidCredentials,
            "the bootstrap secret is wrong",
        ));
    }
    let user = body.user.validate()?;
    let (person, password) = (user.person(), user.password());
    let id = new_people::bootstrap(&app.ports, "bootstrap", &person, password, &origin).await?;
    Ok(CreatedResponse(user.into_summary(id)))
}
