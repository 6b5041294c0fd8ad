//! Accounts of the relay: registration, sign-in, tokens and search.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::face;
use crate::accounts::face::{PasswordRejection, Registration, RotateRejection, TokenPair};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, parameter};
use crate::kernel::model::secret::RefreshToken;
use crate::kernel::model::text;
use crate::relay::domain::accounts;
use crate::relay::domain::accounts::{NewMember, RelayProfile};
use crate::relay::domain::proof_of_work;
use crate::relay::domain::proof_of_work::PresentedWork;
use crate::relay::http::RelayState;
use crate::relay::http::body::{BodyFields, invalid};
use crate::relay::http::errors::{MOST_PASSWORD_CHARS, password_failure};
use crate::relay::http::keys::{MOST_UPLOADED, identity};
use crate::relay::http::member::Member;
use crate::relay::http::objects::{RelayMessage, RelayUser};
use crate::relay::model::username::username;

/// The longest name in characters.
const MOST_NAME_CHARS: usize = 64;
/// The longest e-mail address in bytes (RFC 5321 §4.5.3.1.3).
const MOST_EMAIL_BYTES: usize = 254;

/// The body of a registration.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct RelayRegisterRequest {
    /// 3 to 32 letters, digits, `_` and `-`, unique without regard to case.
    #[schema(example = "ada")]
    username: String,
    /// 8 to 128 characters.
    password: String,
    /// At most 64 printable characters.
    display_name: Option<String>,
    /// An e-mail address. Only its keyed hash is stored, and only with `RELAY_EMAIL_KEY`.
    email: Option<String>,
    /// The identity key: Ed25519, 32 bytes, base64.
    identity_key: String,
    /// The signed prekey: X25519, 32 bytes, base64.
    signed_prekey: String,
    /// The signature of the 32 bytes of the signed prekey by the identity key: 64 bytes, base64.
    signed_prekey_signature: String,
    /// At most 100 different X25519 public keys of 32 bytes, base64.
    one_time_prekeys: Vec<String>,
    /// The challenge of `GET /api/v1/auth/challenge`, if its difficulty is above 0.
    pow_challenge: Option<String>,
    /// The text for which SHA-256(challenge ‖ nonce) has the leading zero bits.
    pow_nonce: Option<String>,
    /// The code of an invite to a server, which the account joins.
    invite_code: Option<String>,
}

/// A token pair with its account.
#[derive(Serialize, ToSchema)]
pub struct RelaySignIn {
    /// The access token, a JWT.
    access_token: String,
    /// The refresh token. It can be exchanged once.
    refresh_token: String,
    /// The lifetime of the access token in seconds.
    expires_in: i64,
    /// The account.
    user: RelayUser,
}

impl RelaySignIn {
    fn new(pair: TokenPair, profile: RelayProfile) -> Self {
        Self {
            access_token: pair.access_token,
            refresh_token: pair.refresh_token.reveal().to_owned(),
            expires_in: pair.expires_in,
            user: profile.into(),
        }
    }
}

/// `POST /api/v1/auth/register`: Creates an account with a username, a password and keys.
///
/// # Errors
/// 400 names the field that is not valid; 409 `username_taken`.
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    operation_id = "relay_register",
    tag = "relay",
    request_body = RelayRegisterRequest,
    responses((status = 200, body = RelaySignIn)),
)]
pub async fn register(
    State(app): State<RelayState>,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<AppJson<RelaySignIn>, ApiError> {
    let name = body.text("username")?;
    let name = username(&name)
        .ok_or_else(|| invalid("username must be 3 to 32 letters, digits, _ and - of ASCII."))?;
    let password = body.text("password")?;
    if password.chars().count() > MOST_PASSWORD_CHARS {
        return Err(invalid("password must be 8 to 128 characters."));
    }
    let display_name = display_name(&mut body)?;
    let email = body
        .optional_text("email")?
        .filter(|email| !email.is_empty());
    if email
        .as_ref()
        .is_some_and(|email| email.len() > MOST_EMAIL_BYTES || !email.contains('@'))
    {
        return Err(invalid("email must be an e-mail address."));
    }
    let (identity, prekeys) = (
        identity(&mut body)?,
        body.keys("one_time_prekeys", 0, MOST_UPLOADED)?,
    );
    let (challenge, nonce) = (
        body.optional_text("pow_challenge")?,
        body.optional_text("pow_nonce")?,
    );
    let invite = body
        .optional_text("invite_code")?
        .filter(|code| !code.is_empty());
    let new = NewMember {
        account: Registration {
            username: name,
            password: &password,
            name: display_name.as_deref(),
        },
        identity: &identity,
        prekeys: &prekeys,
        email: email.as_deref(),
        invite: invite.as_deref(),
        work: PresentedWork {
            challenge: challenge.as_deref(),
            nonce: nonce.as_deref(),
        },
    };
    let issued = accounts::register(&app.ports, &new, &origin).await?;
    let user = &issued.pair.user;
    let profile = RelayProfile {
        id: user.id,
        username: Some(name.to_owned()),
        display_name: user.name.clone(),
        created_at: user.created_at,
    };
    Ok(AppJson(RelaySignIn::new(issued.pair, profile)))
}

/// Reads an optional name. An empty one counts as missing.
fn display_name(body: &mut BodyFields) -> Result<Option<String>, ApiError> {
    let Some(name) = body
        .optional_text("display_name")?
        .filter(|name| !name.is_empty())
    else {
        return Ok(None);
    };
    text::name(&name)
        .filter(|name| name.chars().count() <= MOST_NAME_CHARS)
        .map(Some)
        .ok_or_else(|| invalid("display_name must be at most 64 printable characters."))
}

/// The body of a sign-in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct RelayLoginRequest {
    /// The username, in any case.
    username: String,
    /// The password.
    password: String,
    /// The six digits of an authenticator app, where TOTP is enabled.
    totp_code: Option<String>,
}

/// The answer to a sign-in that needs a TOTP code too, with `RELAY_TOTP_TWO_STEP=on`.
#[derive(Serialize, ToSchema)]
pub struct TotpAsked {
    /// Always true.
    totp_required: bool,
}

/// `POST /api/v1/auth/login`: Signs in with a username, a password and, where TOTP is enabled, a
/// code.
///
/// # Errors
/// The same 401 for an unknown username, a wrong password and a wrong code; 401 `totp_required` if
/// only the code is missing.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    operation_id = "relay_login",
    tag = "relay",
    request_body = RelayLoginRequest,
    responses((status = 200, body = RelaySignIn)),
)]
pub async fn login(
    State(app): State<RelayState>,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<Response, ApiError> {
    let (username, password) = (body.text("username")?, body.text("password")?);
    let code = body
        .optional_text("totp_code")?
        .filter(|code| !code.is_empty());
    let signed_in = accounts::sign_in(&app.ports, &username, &password, code.as_deref(), &origin);
    match signed_in.await {
        Ok((issued, profile)) => {
            Ok(AppJson(RelaySignIn::new(issued.pair, profile)).into_response())
        }
        Err(Failure::Rejected(PasswordRejection::SecondFactor))
            if app.ports.config.totp_two_step =>
        {
            let asked = TotpAsked {
                totp_required: true,
            };
            Ok(AppJson(asked).into_response())
        }
        Err(failure) => Err(password_failure(failure, "password")),
    }
}

/// The body of a refresh.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub struct RelayRefreshRequest {
    /// The refresh token.
    refresh_token: String,
}

/// `POST /api/v1/auth/refresh`: Exchanges a refresh token for a new pair, once.
///
/// # Errors
/// The same 401 for every token that cannot be exchanged.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    operation_id = "relay_refresh",
    tag = "relay",
    request_body = RelayRefreshRequest,
    responses((status = 200, body = RelaySignIn)),
)]
pub async fn refresh(
    State(app): State<RelayState>,
    origin: RequestOrigin,
    mut body: BodyFields,
) -> Result<AppJson<RelaySignIn>, ApiError> {
    let presented =
        RefreshToken::parse(&body.text("refresh_token")?).ok_or(RotateRejection::Invalid)?;
    let (pair, profile) = accounts::refresh(&app.ports, &presented, &origin).await?;
    Ok(AppJson(RelaySignIn::new(pair, profile)))
}

/// `POST /api/v1/auth/logout`: Ends every session of the account that has a token pair, this one
/// too.
///
/// # Errors
/// 401 if the caller is not signed in.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    operation_id = "relay_logout",
    tag = "relay",
    responses((status = 200, body = RelayMessage)),
)]
pub async fn logout(
    State(app): State<RelayState>,
    Member(me): Member,
    origin: RequestOrigin,
) -> Result<AppJson<RelayMessage>, ApiError> {
    face::tokens::revoke_all(&app.ports.accounts, me.caller(), &origin).await?;
    Ok(AppJson(RelayMessage::new("You are signed out everywhere.")))
}

/// A challenge for a proof of work.
#[derive(Serialize, ToSchema)]
pub struct WorkChallengeResponse {
    /// The challenge. It can be answered once, within 300 seconds.
    challenge: String,
    /// The leading zero bits that SHA-256(challenge ‖ nonce) needs. 0: no proof is needed.
    difficulty: u32,
}

/// `GET /api/v1/auth/challenge`: Returns a challenge for the proof of work of a registration.
///
/// # Errors
/// None of its own.
#[utoipa::path(
    get,
    path = "/api/v1/auth/challenge",
    operation_id = "relay_challenge",
    tag = "relay",
    responses((status = 200, body = WorkChallengeResponse)),
)]
pub async fn challenge(
    State(app): State<RelayState>,
) -> Result<AppJson<WorkChallengeResponse>, ApiError> {
    let challenge = proof_of_work::challenge(&app.ports).await?;
    Ok(AppJson(WorkChallengeResponse {
        challenge: challenge.id.to_string(),
        difficulty: challenge.difficulty,
    }))
}

/// `GET /api/v1/users/search`: Finds the account with exactly this username, in any case.
///
/// # Errors
/// 404 if no account with keys has it; 429 after 300 searches in an hour.
#[utoipa::path(
    get,
    path = "/api/v1/users/search",
    operation_id = "relay_search_user",
    tag = "relay",
    params(("username" = String, Query)),
    responses((status = 200, body = RelayUser)),
)]
pub async fn search(
    State(app): State<RelayState>,
    Member(me): Member,
    uri: Uri,
) -> Result<AppJson<RelayUser>, ApiError> {
    let name = parameter(&uri, "username").unwrap_or_default();
    let found = accounts::search(&app.ports, me.user.id, &name).await?;
    Ok(AppJson(found.ok_or(Code::UserNotFound)?.into()))
}
