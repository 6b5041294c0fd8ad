//! Signing in, logging out, and whose a token is.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authorization::domain::tokens::Issued;
use crate::authorization::domain::{Caller, check, people, tokens};
use crate::authorization::http::App;
use crate::authorization::http::users::{PersonAnswer, UserRequest};
use crate::authorization::http::{Created, NumberOrName, Token, bad};
use crate::authorization::model::names as words;
use crate::authorization::store::Ref;
use crate::authorization::store::access::Access;
use crate::authorization::store::tokens::Bearer;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, absent_if_empty};

/// Who somebody is.
#[derive(Serialize, ToSchema)]
pub struct Payload {
    /// Their id.
    #[schema(example = 1)]
    user_id: i64,
    /// Their username.
    #[schema(example = "adm1")]
    username: String,
    /// Their name.
    #[schema(example = "Admin One")]
    name: String,
}

impl From<Bearer> for Payload {
    fn from(bearer: Bearer) -> Self {
        Self {
            user_id: bearer.person,
            username: bearer.username,
            name: bearer.name,
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
    /// The six digits of an authenticator app, where TOTP is enabled: without them
    /// `second_factor_required` is the answer.
    #[serde(default, deserialize_with = "absent_if_empty")]
    code: Option<String>,
}

/// A token. It is shown once.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// For the header `token` of every other call.
    token: String,
    /// When it ends, in seconds since 1970.
    expires_at: i64,
    /// Whose it is.
    payload: Payload,
}

impl From<Issued> for TokenAnswer {
    fn from(issued: Issued) -> Self {
        Self {
            token: issued.token.reveal().to_owned(),
            expires_at: issued.bearer.expires_at.seconds(),
            payload: issued.bearer.into(),
        }
    }
}

/// `POST /auth/login`: a token for a username and a password.
///
/// # Errors
/// The same 401 for an unknown username, a wrong password and a wrong code.
#[utoipa::path(post, path = "/auth/login", operation_id = "login", tag = "authorization", request_body = LoginRequest, responses((status = 200, body = TokenAnswer)))]
pub async fn login(
    State(app): State<App>,
    origin: RequestOrigin,
    AppJson(body): AppJson<LoginRequest>,
) -> Result<AppJson<TokenAnswer>, ApiError> {
    let issued = tokens::login(
        &app.ports,
        &body.username,
        &body.password,
        body.code.as_deref(),
        &origin,
    )
    .await?;
    Ok(AppJson(issued.into()))
}

/// That somebody logged out.
#[derive(Serialize, ToSchema)]
pub struct LoggedOut {
    /// `logged_out`
    #[schema(example = "logged_out")]
    status: &'static str,
}

/// `POST /auth/logout`: revokes the token.
///
/// # Errors
/// 401 for a token that is not good, or not any more.
#[utoipa::path(post, path = "/auth/logout", operation_id = "logout_token", tag = "authorization", responses((status = 200, body = LoggedOut)))]
pub async fn logout(
    State(app): State<App>,
    Token(token): Token,
) -> Result<AppJson<LoggedOut>, ApiError> {
    tokens::logout(&app.ports, &token).await?;
    Ok(AppJson(LoggedOut {
        status: "logged_out",
    }))
}

/// Whose a token is.
#[derive(Serialize, ToSchema)]
pub struct Profile {
    /// Whose.
    payload: Payload,
    /// Whether this call renewed it.
    renewed: bool,
    /// When it ends, in seconds since 1970.
    expires_at: i64,
}

impl From<Caller> for Profile {
    fn from(caller: Caller) -> Self {
        Self {
            renewed: caller.renewed,
            expires_at: caller.bearer.expires_at.seconds(),
            payload: caller.bearer.into(),
        }
    }
}

/// `GET /auth/profile`: whose the token is.
///
/// # Errors
/// 401 for a token that is not good, or not any more.
#[utoipa::path(get, path = "/auth/profile", operation_id = "profile", tag = "authorization", responses((status = 200, body = Profile)))]
pub async fn profile(
    State(app): State<App>,
    Token(token): Token,
) -> Result<AppJson<Profile>, ApiError> {
    Ok(AppJson(tokens::profile(&app.ports, &token).await?.into()))
}

/// What a token is checked for. All of it may be missing.
#[derive(Default, Deserialize, ToSchema)]
pub struct CheckTokenRequest {
    /// Whose it must be.
    #[serde(default)]
    user_id: Option<NumberOrName>,
    /// The service, by its number or its name, whose roles and permissions are told too.
    #[serde(default, alias = "service")]
    service_id: Option<NumberOrName>,
}

/// A body, or none.
pub struct MaybeBody(CheckTokenRequest);

impl FromRequest<App> for MaybeBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), app).await;
        let bytes = bytes.map_err(|rejection| ApiError::from_status(rejection.status()))?;
        if bytes.is_empty() {
            return Ok(Self(CheckTokenRequest::default()));
        }
        let AppJson(read) =
            AppJson::from_request(Request::from_parts(parts, bytes.into()), app).await?;
        Ok(Self(read))
    }
}

/// What somebody has in a service, by name.
#[derive(Serialize, ToSchema)]
pub struct AccessAnswer {
    /// The service.
    #[schema(example = 1)]
    service_id: i64,
    /// Their roles.
    #[schema(example = json!(["Admin"]))]
    roles: Vec<String>,
    /// Their permissions, of roles and direct ones.
    #[schema(example = json!(["read", "write"]))]
    permissions: Vec<String>,
    /// The service's version: what is cached is good only as long as it is the same.
    #[schema(example = 7)]
    policy_version: i64,
}

impl From<Access> for AccessAnswer {
    fn from(access: Access) -> Self {
        Self {
            service_id: access.service.id,
            roles: access.roles.into_iter().map(|role| role.name).collect(),
            permissions: access
                .permissions
                .into_iter()
                .map(|permission| permission.name)
                .collect(),
            policy_version: access.service.policy_version,
        }
    }
}

/// A token that is good.
#[derive(Serialize, ToSchema)]
pub struct CheckedToken {
    /// Always `true`.
    valid: bool,
    /// Whose it is, and until when.
    #[serde(flatten)]
    profile: Profile,
    /// What they may do in the service, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<CheckedAccess>,
}

/// What somebody has in a service, and how long that may be relied on.
#[derive(Serialize, ToSchema)]
pub struct CheckedAccess {
    #[serde(flatten)]
    access: AccessAnswer,
    /// For so many seconds from the question on: a minute at most, and not longer than the token
    /// and the first of the grants last.
    #[schema(example = 60)]
    max_age: i64,
}

/// `POST /check-token`: whether the token is good, and what whoever has it may do in a service.
///
/// # Errors
/// 401 with `valid: false` for a token that is not good, or not that of `user_id`.
#[utoipa::path(post, path = "/check-token", operation_id = "check_token", tag = "authorization", request_body = Option<CheckTokenRequest>, responses((status = 200, body = CheckedToken)))]
pub async fn check_token(
    State(app): State<App>,
    token: Result<Token, ApiError>,
    MaybeBody(body): MaybeBody,
) -> Result<AppJson<CheckedToken>, ApiError> {
    let invalid = |error: ApiError| {
        if error.code.status() == http::StatusCode::UNAUTHORIZED {
            error.with("valid", false.into())
        } else {
            error
        }
    };
    let Token(token) = token.map_err(invalid)?;
    let user = body
        .user_id
        .map(|user| user.id(Code::InvalidUserNumber))
        .transpose()?;
    let service: Option<Ref> = body
        .service_id
        .map(|service| service.service())
        .transpose()?;
    let checked = tokens::check(&app.ports, &token, user, service.as_ref()).await;
    let (caller, access) = checked.map_err(|error| invalid(error.into()))?;
    let access = access.map(|access| {
        let until = check::relied_on(
            caller.now,
            [Some(caller.bearer.expires_at), access.until],
            false,
        );
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

/// For whom a token is made.
#[derive(Deserialize, ToSchema)]
pub struct ServiceTokenRequest {
    /// The person as whom the backend calls: their number or username.
    person_id: NumberOrName,
}

/// `POST /service-tokens`: a token for a backend, as a person; it lives longer than one of somebody
/// who signed in.
///
/// # Errors
/// 403 for whoever does not administer the service.
#[utoipa::path(post, path = "/service-tokens", operation_id = "issue_service_token", tag = "authorization", request_body = ServiceTokenRequest, responses((status = 201, body = TokenAnswer)))]
pub async fn issue(
    State(app): State<App>,
    Token(token): Token,
    origin: RequestOrigin,
    AppJson(body): AppJson<ServiceTokenRequest>,
) -> Result<Created<TokenAnswer>, ApiError> {
    Ok(Created(
        tokens::issue(&app.ports, &token, &body.person_id.person()?, &origin)
            .await?
            .into(),
    ))
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
pub struct BootstrapRequest {
    /// What is configured as `BOOTSTRAP_SECRET`.
    secret: String,
    /// Who they are.
    #[serde(flatten)]
    user: UserRequest,
}

/// `POST /auth/bootstrap`: makes the first administrator, once, for whoever has the secret.
///
/// # Errors
/// 403 where no secret is configured, or an administrator is there already; 401 for another secret.
#[utoipa::path(post, path = "/auth/bootstrap", operation_id = "bootstrap", tag = "authorization", request_body = BootstrapRequest, responses((status = 201, body = PersonAnswer)))]
pub async fn bootstrap(
    State(app): State<App>,
    origin: RequestOrigin,
    AppJson(body): AppJson<BootstrapRequest>,
) -> Result<Created<PersonAnswer>, ApiError> {
    let settings = &app.ports.config;
    if !settings.has_bootstrap_secret() {
        return Err(Code::BootstrapClosed.into());
    }
    if !settings.is_bootstrap_secret(body.secret.as_bytes()) {
        return Err(ApiError::because(
            Code::InvalidCredentials,
            "another bootstrap secret",
        ));
    }
    let user = body.user.read()?;
    let id = people::bootstrap(
        &app.ports,
        "bootstrap",
        &user.person(),
        user.password(),
        &origin,
    )
    .await?;
    Ok(Created(user.made(id)))
}

/// A username as it may be chosen.
pub(super) fn username(text: &str) -> Result<String, ApiError> {
    words::username(text)
        .ok_or_else(|| bad("username: 1 to 64 letters, digits and ._@+-, and not a number."))
}
