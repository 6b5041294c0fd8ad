//! Who calls. A handler that needs to know takes one of these and cannot be written without.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderName, header};

use crate::accounts::domain::authenticate;
use crate::accounts::domain::authenticate::Credential;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::domain::{csrf, factors};
use crate::accounts::http::App;
use crate::accounts::http::assertion;
use crate::accounts::http::cookie::Shape;
use crate::accounts::http::credentials::{Presented, all_presented, presented};
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{OutgoingCookies, is_browser};
use crate::kernel::model::ids::UserId;

/// By which a page says whose account it shows: a request by anybody else does nothing.
pub const EXPECTED_USER: HeaderName = HeaderName::from_static("x-expected-user");

/// In which a page sends its CSRF token.
pub const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

impl FromRequestParts<App> for Shape {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self::of(&app.ports.config, &parts.uri, &parts.headers))
    }
}

/// Every credential that the request presents, good or not. For signing out, which never fails for
/// a bad one.
#[derive(Debug)]
pub struct AllCredentials(pub Vec<Credential>);

impl FromRequestParts<App> for AllCredentials {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self(all_presented(
            parts,
            &Shape::of(&app.ports.config, &parts.uri, &parts.headers),
        )))
    }
}

/// Whoever calls with a live credential, of either kind, on the device that it belongs to.
#[derive(Debug)]
pub struct CurrentUser(pub SignedIn);

impl FromRequestParts<App> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |_| true)
            .await
            .and_then(complete)
            .map(|(_, me)| Self(me))
    }
}

/// The same, also where the sign-in is a recovery that is not complete.
#[derive(Debug)]
pub struct AlsoRecovering(pub SignedIn);

impl FromRequestParts<App> for AlsoRecovering {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |_| true)
            .await
            .map(|(_, me)| Self(me))
    }
}

/// The same as [`CurrentUser`], with what they presented.
#[derive(Debug)]
pub struct PresentedBy(pub Presented, pub SignedIn);

impl FromRequestParts<App> for PresentedBy {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |_| true)
            .await
            .and_then(complete)
            .map(|(presented, me)| Self(presented, me))
    }
}

/// Who calls where nobody has to be signed in: a credential that is not good is told, not ignored.
/// Their device is not asked: who changes something for them calls
/// [`crate::accounts::domain::devices::assertion_check::require_assertion`].
#[derive(Debug)]
pub enum MaybeSignedIn {
    /// Nothing was presented.
    Nobody,
    /// What was presented is not good, or not any more.
    Refused(ApiError),
    /// Somebody is signed in.
    SignedIn(Box<SignedIn>),
}

impl MaybeSignedIn {
    /// Who is signed in, if anybody.
    #[must_use]
    pub fn signed_in(self) -> Option<SignedIn> {
        if let Self::SignedIn(me) = self {
            Some(*me)
        } else {
            None
        }
    }
}

impl FromRequestParts<App> for MaybeSignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match alone(parts, app, |_| true).await {
            Ok((_, me)) => Ok(Self::SignedIn(Box::new(me))),
            Err(error) if error.code == Code::AuthenticationRequired => Ok(Self::Nobody),
            Err(error) if error.code == Code::InvalidToken => Ok(Self::Refused(error)),
            Err(error) => Err(error),
        }
    }
}

/// Whoever calls with a live credential, to be told so: with a Bearer token also without the
/// assertion of their device, unless a refresh needs one too (CONTRACT §6). With a cookie the
/// caller may be the web app's server, which would take it for a good one.
#[derive(Debug)]
pub struct Bearing(pub SignedIn);

impl FromRequestParts<App> for Bearing {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let bearer = parts.headers.contains_key(header::AUTHORIZATION);
        let alone_is_enough = bearer && !app.ports.config.attest.on_refresh;
        let found = if alone_is_enough {
            alone(parts, app, |_| true).await
        } else {
            signed_in(parts, app, |_| true).await
        };
        found.map(|(_, me)| Self(me))
    }
}

/// Whoever calls with a live session token, in the cookie or as a Bearer token, on the device that
/// it belongs to; an access token is refused.
#[derive(Debug)]
pub struct CurrentSession(pub SignedIn);

impl FromRequestParts<App> for CurrentSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |credential| {
            matches!(credential, Credential::Session(_))
        })
        .await
        .map(|(_, me)| Self(me))
    }
}

/// Whoever signed in within the last ten minutes: for what cannot be undone.
#[derive(Debug)]
pub struct RecentlyAuthenticated(pub SignedIn);

impl FromRequestParts<App> for RecentlyAuthenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let (_, me) = signed_in(parts, app, |_| true).await.and_then(complete)?;
        recent(app, &me, Duration::ZERO).await?;
        Ok(Self(me))
    }
}

/// Whoever may add and remove passkeys: who is signed in or, with `STEP_UP_PASSKEYS=require`,
/// signed in within the last ten minutes.
#[derive(Debug)]
pub struct PasskeyOwner(pub SignedIn);

impl FromRequestParts<App> for PasskeyOwner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let (_, me) = signed_in(parts, app, |_| true).await.and_then(complete)?;
        may_change_passkeys(app, &me, Duration::ZERO).await?;
        Ok(Self(me))
    }
}

/// The same for a sign-in that [`MaybeSignedIn`] found. A recovery is for adding a passkey, and is
/// not asked. The proof may be older by `longer`: where it was asked for before, at the beginning
/// of a ceremony that may take its time.
///
/// # Errors
/// 403 `reauthentication_required`, and what the database says.
pub async fn may_change_passkeys(
    app: &App,
    me: &SignedIn,
    longer: Duration,
) -> Result<(), ApiError> {
    if app.ports.config.step_up_passkeys && !me.session.recovering {
        recent(app, me, longer).await
    } else {
        Ok(())
    }
}

/// Whether the owner proved lately, or not much longer ago, who they are; if not, by what they can.
async fn recent(app: &App, me: &SignedIn, longer: Duration) -> Result<(), ApiError> {
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

/// Whoever is signed in, on the device that their token was issued to.
async fn signed_in(
    parts: &mut Parts,
    app: &App,
    accepts: fn(&Credential) -> bool,
) -> Result<(Presented, SignedIn), ApiError> {
    let (presented, me) = established(parts, app, accepts).await?;
    assertion::admit(app, parts, &me).await?;
    let me = kept_alive(parts, app, &presented, me).await?;
    Ok((presented, me))
}

/// Who recovered their account does nothing with that sign-in before they have a passkey again.
fn complete((presented, me): (Presented, SignedIn)) -> Result<(Presented, SignedIn), ApiError> {
    if me.session.recovering {
        Err(Code::RecoveryIncomplete.into())
    } else {
        Ok((presented, me))
    }
}

/// Whoever is signed in, wherever the request comes from: where a device has no key yet, or nothing
/// is done but to look. What needs its device is not extended by that.
async fn alone(
    parts: &Parts,
    app: &App,
    accepts: fn(&Credential) -> bool,
) -> Result<(Presented, SignedIn), ApiError> {
    let (presented, me) = established(parts, app, accepts).await?;
    let me = if authenticate::stands_alone(&app.ports, &me) {
        kept_alive(parts, app, &presented, me).await?
    } else {
        me
    };
    Ok((presented, me))
}

async fn established(
    parts: &Parts,
    app: &App,
    accepts: fn(&Credential) -> bool,
) -> Result<(Presented, SignedIn), ApiError> {
    let cookie = Shape::of(&app.ports.config, &parts.uri, &parts.headers);
    let presented = presented(parts, &cookie)?.ok_or(Code::AuthenticationRequired)?;
    if !accepts(&presented.credential) {
        return Err(ApiError::because(
            Code::InvalidToken,
            "a credential of another kind",
        ));
    }
    let signed_in = authenticate::authenticate(&app.ports, &presented.credential).await?;
    // A page shows one account; in another tab somebody may have signed in to another, and the
    // cookie is that one's now.
    let expected = parts
        .headers
        .get(EXPECTED_USER)
        .map(|id| id.to_str().ok().and_then(UserId::parse));
    if expected.is_some_and(|expected| expected != Some(signed_in.user.id)) {
        return Err(Code::AccountChanged.into());
    }
    if presented.by_cookie && needs_csrf_token(app, parts) {
        let token = parts
            .headers
            .get(CSRF_TOKEN)
            .and_then(|token| token.to_str().ok())
            .unwrap_or_default();
        if !csrf::is_valid(&app.ports, signed_in.session.id, token) {
            return Err(Code::CsrfTokenRequired.into());
        }
    }
    Ok((presented, signed_in))
}

/// Where that is configured: whether a browser sent it, and it changes something.
fn needs_csrf_token(app: &App, parts: &Parts) -> bool {
    app.ports.config.csrf_token_required && is_browser(&parts.headers) && !parts.method.is_safe()
}

/// Notes the use of a session, and writes its cookie again if it was extended.
async fn kept_alive(
    parts: &Parts,
    app: &App,
    presented: &Presented,
    mut me: SignedIn,
) -> Result<SignedIn, ApiError> {
    authenticate::keep_alive(&app.ports, &presented.credential, &mut me).await?;
    if let (true, true, Credential::Session(token)) =
        (me.renewed, presented.by_cookie, &presented.credential)
        && let Some(outgoing) = parts.extensions.get::<OutgoingCookies>()
    {
        outgoing.push(
            Shape::of(&app.ports.config, &parts.uri, &parts.headers).set(
                token,
                me.expires_at,
                me.now,
            ),
        );
    }
    Ok(me)
}
