//! Extractors of the caller. A handler that needs the caller has one of them among its parameters.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path};
use http::HeaderName;
use http::request::Parts;

use crate::accounts::domain::authenticate;
use crate::accounts::domain::authenticate::Credential;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::domain::{csrf, factors};
use crate::accounts::http::AccountsState;
use crate::accounts::http::assertion;
use crate::accounts::http::cookie::SessionCookie;
use crate::accounts::http::cookie_writer::SessionCookieWriter;
use crate::accounts::http::credentials::{PresentedCredential, all_presented, presented};
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{has_bearer, is_browser};
use crate::kernel::model::ids::UserId;

/// The header in which a page names the account that it shows. A request with the credential of
/// another account has no effect.
pub const EXPECTED_USER: HeaderName = HeaderName::from_static("x-expected-user");

/// The header in which a page sends its CSRF token.
pub const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

impl FromRequestParts<AccountsState> for SessionCookie {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        Ok(Self::for_request(
            &app.ports.config,
            &parts.uri,
            &parts.headers,
        ))
    }
}

/// All credentials of the request, valid or not. Logout uses them, because it never fails on an
/// invalid credential.
#[derive(Debug)]
pub struct AllCredentials(pub Vec<Credential>);

impl FromRequestParts<AccountsState> for AllCredentials {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        Ok(Self(all_presented(
            parts,
            &SessionCookie::for_request(&app.ports.config, &parts.uri, &parts.headers),
        )))
    }
}

/// A caller with a live credential of either kind, on the device that the credential belongs to.
#[derive(Debug)]
pub struct CurrentUser(pub SignedIn);

impl FromRequestParts<AccountsState> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        let caller = signed_in(parts, app, |_| true).await?;
        Ok(Self(caller.outside_recovery()?.me))
    }
}

/// Like [`CurrentUser`], but also accepts a session from an unfinished account recovery.
#[derive(Debug)]
pub struct CurrentUserOrRecovering(pub SignedIn);

impl FromRequestParts<AccountsState> for CurrentUserOrRecovering {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        Ok(Self(signed_in(parts, app, |_| true).await?.me))
    }
}

/// A caller whose own id is the `user_id` of the path. Every other id gets the same 404.
#[derive(Debug)]
pub struct OwnAccount(pub SignedIn);

impl FromRequestParts<AccountsState> for OwnAccount {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        let CurrentUser(me) = CurrentUser::from_request_parts(parts, app).await?;
        let Path(user_id) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|rejection| ApiError::from_status(rejection.status()))?;
        if UserId::parse(&user_id) == Some(me.user.id) {
            Ok(Self(me))
        } else {
            Err(Code::UserNotFound.into())
        }
    }
}

/// A signed-in caller and the credential that they presented.
#[derive(Debug)]
pub struct Authenticated {
    /// The credential.
    pub presented: PresentedCredential,
    /// The caller.
    pub me: SignedIn,
}

impl Authenticated {
    /// Refuses a session from an unfinished recovery.
    fn outside_recovery(self) -> Result<Self, ApiError> {
        if self.me.session.recovering {
            Err(Code::RecoveryIncomplete.into())
        } else {
            Ok(self)
        }
    }
}

/// Like [`CurrentUser`], with the presented credential.
#[derive(Debug)]
pub struct CurrentUserWithCredential(pub Authenticated);

impl FromRequestParts<AccountsState> for CurrentUserWithCredential {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        let caller = signed_in(parts, app, |_| true).await?;
        Ok(Self(caller.outside_recovery()?))
    }
}

/// The caller of a route that does not require a credential. An invalid credential is reported and
/// not ignored. The caller's device is not checked, so a handler that changes an account calls
/// [`crate::accounts::domain::devices::assertion_check::require_assertion`].
#[derive(Debug)]
pub enum MaybeSignedIn {
    /// The request has no credential.
    Nobody,
    /// The credential is not valid or has expired.
    Refused(ApiError),
    /// The caller is signed in.
    SignedIn(Box<SignedIn>),
}

impl MaybeSignedIn {
    /// Returns the caller if the caller is signed in.
    #[must_use]
    pub fn signed_in(self) -> Option<SignedIn> {
        if let Self::SignedIn(me) = self {
            Some(*me)
        } else {
            None
        }
    }
}

impl FromRequestParts<AccountsState> for MaybeSignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        match without_device(parts, app, |_| true).await {
            Ok(caller) => Ok(Self::SignedIn(Box::new(caller.me))),
            Err(error) if error.code == Code::AuthenticationRequired => Ok(Self::Nobody),
            Err(error) if error.code == Code::InvalidToken => Ok(Self::Refused(error)),
            Err(error) => Err(error),
        }
    }
}

/// A caller whose live credential a route validates. A Bearer token needs no assertion of its
/// device unless a refresh needs one too (CONTRACT §6). A cookie needs one, because the caller may
/// be the web app's server, which would accept the cookie as valid.
#[derive(Debug)]
pub struct ValidatedCredential(pub SignedIn);

impl FromRequestParts<AccountsState> for ValidatedCredential {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        let bearer = has_bearer(&parts.headers);
        let alone_is_enough = bearer && !app.ports.config.attest.on_refresh;
        let found = if alone_is_enough {
            without_device(parts, app, |_| true).await
        } else {
            signed_in(parts, app, |_| true).await
        };
        Ok(Self(found?.me))
    }
}

/// A caller with a live session token, in the cookie or as a Bearer token, on the device that the
/// session belongs to. Access tokens are refused.
#[derive(Debug)]
pub struct CurrentSession(pub SignedIn);

impl FromRequestParts<AccountsState> for CurrentSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        let caller = signed_in(parts, app, |credential| {
            matches!(credential, Credential::Session(_))
        });
        Ok(Self(caller.await?.me))
    }
}

/// A caller who has authenticated recently (`RECENT_AUTHENTICATION_SECONDS`), for actions that
/// cannot be undone.
#[derive(Debug)]
pub struct RecentlyAuthenticated(pub SignedIn);

impl FromRequestParts<AccountsState> for RecentlyAuthenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        let caller = signed_in(parts, app, |_| true).await?;
        let me = caller.outside_recovery()?.me;
        recent(app, &me, Duration::ZERO).await?;
        Ok(Self(me))
    }
}

/// A caller who may add and remove passkeys. With `STEP_UP_PASSKEYS=require` the caller must have
/// authenticated recently.
#[derive(Debug)]
pub struct PasskeyOwner(pub SignedIn);

impl FromRequestParts<AccountsState> for PasskeyOwner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        let caller = signed_in(parts, app, |_| true).await?;
        let me = caller.outside_recovery()?.me;
        may_change_passkeys(app, &me, Duration::ZERO).await?;
        Ok(Self(me))
    }
}

/// Checks that a caller may add and remove passkeys. A session from a recovery is exempt, because
/// it exists to add a passkey. The authentication may be older by `longer`, since a ceremony takes
/// time after its start was checked.
///
/// # Errors
/// 403 `reauthentication_required`, and errors of the database.
pub async fn may_change_passkeys(
    app: &AccountsState,
    me: &SignedIn,
    longer: Duration,
) -> Result<(), ApiError> {
    if app.ports.config.step_up_passkeys && !me.session.recovering {
        recent(app, me, longer).await
    } else {
        Ok(())
    }
}

/// Checks that the last authentication is recent or at most `longer` older. The error lists the
/// methods that the account owner can authenticate with.
async fn recent(app: &AccountsState, me: &SignedIn, longer: Duration) -> Result<(), ApiError> {
    if me.is_recent(app.ports.config.recent_authentication + longer) {
        return Ok(());
    }
    let factors = factors::summary(&app.ports, me.user.id).await?;
    let methods = [
        (factors.passkeys > 0, "passkey"),
        (
            factors.totp_since.is_some() && app.ports.config.secrets_keys.is_some(),
            "totp",
        ),
        (true, "sign_in"),
    ];
    let methods = methods
        .into_iter()
        .filter_map(|(there, name)| there.then_some(name))
        .collect();
    Err(ApiError::reauthenticate(
        methods,
        app.ports.config.recent_authentication.as_secs(),
    ))
}

/// Returns the caller and checks the device that the credential was issued to.
async fn signed_in(
    parts: &mut Parts,
    app: &AccountsState,
    accepts: fn(&Credential) -> bool,
) -> Result<Authenticated, ApiError> {
    let caller = authenticated(parts, app, accepts).await?;
    assertion::admit(app, parts, &caller.me).await?;
    kept_alive(parts, app, caller).await
}

/// Returns the caller without a check of the device: the device has no key yet, or the request only
/// reads. A credential that needs its device is not extended.
async fn without_device(
    parts: &Parts,
    app: &AccountsState,
    accepts: fn(&Credential) -> bool,
) -> Result<Authenticated, ApiError> {
    let caller = authenticated(parts, app, accepts).await?;
    if authenticate::stands_alone(&app.ports, &caller.me) {
        kept_alive(parts, app, caller).await
    } else {
        Ok(caller)
    }
}

/// Returns the caller of a valid credential that `accepts` accepts, without a check of the device.
async fn authenticated(
    parts: &Parts,
    app: &AccountsState,
    accepts: fn(&Credential) -> bool,
) -> Result<Authenticated, ApiError> {
    let cookie = SessionCookie::for_request(&app.ports.config, &parts.uri, &parts.headers);
    let mut presented = presented(parts, &cookie)?.ok_or(Code::AuthenticationRequired)?;
    if !accepts(&presented.credential) {
        return Err(ApiError::because(
            Code::InvalidToken,
            "a credential of another kind",
        ));
    }
    let first = authenticate::authenticate(&app.ports, &presented.credential).await;
    let me = match presented.alternative.take() {
        Some(other) if matches!(first, Err(Failure::Rejected(_))) => {
            presented.credential = other;
            authenticate::authenticate(&app.ports, &presented.credential).await?
        }
        _ => first?,
    };
    // A page shows one account. If the user has signed in to another account in another tab, the
    // cookie belongs to that account.
    let expected = parts
        .headers
        .get(EXPECTED_USER)
        .map(|id| id.to_str().ok().and_then(UserId::parse));
    if expected.is_some_and(|expected| expected != Some(me.user.id)) {
        return Err(Code::AccountChanged.into());
    }
    if presented.by_cookie && needs_csrf_token(app, parts) {
        let token = parts
            .headers
            .get(CSRF_TOKEN)
            .and_then(|token| token.to_str().ok())
            .unwrap_or_default();
        if !csrf::is_valid(&app.ports, me.session.id, token) {
            return Err(Code::CsrfTokenRequired.into());
        }
    }
    Ok(Authenticated { presented, me })
}

/// Returns true if a browser sent an unsafe request and CSRF tokens are required (`CSRF_TOKEN`).
fn needs_csrf_token(app: &AccountsState, parts: &Parts) -> bool {
    app.ports.config.csrf_token_required && is_browser(&parts.headers) && !parts.method.is_safe()
}

/// Records the use of a session, and sets its cookie again if the session was extended.
async fn kept_alive(
    parts: &Parts,
    app: &AccountsState,
    caller: Authenticated,
) -> Result<Authenticated, ApiError> {
    let Authenticated { presented, mut me } = caller;
    authenticate::keep_alive(&app.ports, &presented.credential, &mut me).await?;

    if let Credential::Session(token) = &presented.credential
        && me.renewed
        && presented.by_cookie
    {
        SessionCookieWriter::new(app, parts).add(token, me.expires_at, me.now);
    }
    Ok(Authenticated { presented, me })
}
