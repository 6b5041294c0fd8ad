//! Authentication of the caller: from a session token or an access token to a live session and its
//! account, in one round trip.

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::access_token;
use crate::accounts::domain::access_token::TokenRefusal;
use crate::accounts::domain::lifetimes::session_expiry;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::model::attest::Mode;
use crate::accounts::model::records::Platform;
use crate::accounts::store::sessions;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::secret::{RefreshToken, SessionToken};
use crate::kernel::store::StoreError;

/// The precision of `last_used_at` for web sessions. A write per request would double the round
/// trips.
const LAST_USED_STEP: Duration = Duration::from_hours(1);

/// The fault of an access token whose signature the platform did not verify.
const UNVERIFIED: Fault = Fault::Unavailable("the platform could not verify a signature");

/// A credential in a request.
#[derive(Debug)]
pub enum Credential {
    /// A web session token, from the cookie or as a Bearer token.
    Session(SessionToken),
    /// An unverified access token.
    Access(String),
}

/// The reasons to reject a credential.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateRejection {
    /// The access token is not valid.
    #[error("the access token is refused: {0}")]
    AccessToken(TokenRefusal),
    /// The session of the token is unknown, revoked or expired.
    #[error("there is no live session behind the token")]
    NoSession,
}

impl Rejection for AuthenticateRejection {}

impl From<TokenRefusal> for Failure<AuthenticateRejection> {
    fn from(refused: TokenRefusal) -> Self {
        match refused {
            // The token may be valid, so the client must keep it and try again.
            TokenRefusal::Unverified => UNVERIFIED.into(),
            refused => AuthenticateRejection::AccessToken(refused).into(),
        }
    }
}

/// Authenticates the caller by `credential`. One round trip.
///
/// [`keep_alive`] records the use of a web session, after the caller has checked that the session
/// may be used.
///
/// # Errors
/// [`AuthenticateRejection`]
pub async fn authenticate(
    ports: &Ports,
    credential: &Credential,
) -> Result<SignedIn, Failure<AuthenticateRejection>> {
    let now = ports.clock.now();
    let db = ports.db.as_ref();
    match credential {
        Credential::Access(token) => {
            let subject =
                access_token::verify(ports.signatures.as_ref(), &ports.config, token, now).await?;
            let found = sessions::by_id(db, subject.session, subject.user, now).await?;
            let (session, user) = found.ok_or(AuthenticateRejection::NoSession)?;
            Ok(SignedIn {
                user,
                session,
                expires_at: subject.expires_at,
                renewed: false,
                now,
            })
        }
        Credential::Session(token) => {
            let found = sessions::by_token(db, &token.hash(), now).await?;
            let (session, user) = found.ok_or(AuthenticateRejection::NoSession)?;
            let ends = session.token_expires_at.unwrap_or(now);
            Ok(SignedIn {
                user,
                session,
                expires_at: ends,
                renewed: false,
                now,
            })
        }
    }
}

/// Returns true if the session may be used without its device. A session of the iOS app needs its
/// device if the configuration requires it.
#[must_use]
pub fn stands_alone(ports: &Ports, signed_in: &SignedIn) -> bool {
    ports.config.attest.mode != Mode::Require || signed_in.session.platform != Platform::Ios
}

/// Records the use of a session that was presented by its session token. Extends the session, up to
/// its absolute limit, if less than half of its lifetime is left. One round trip at most every
/// hour, and none for other credentials.
///
/// # Errors
/// [`AuthenticateRejection`]
pub async fn keep_alive(
    ports: &Ports,
    credential: &Credential,
    signed_in: &mut SignedIn,
) -> Result<(), Failure<AuthenticateRejection>> {
    if matches!(credential, Credential::Access(_)) {
        return Ok(());
    }

    let (now, ttl) = (signed_in.now, ports.config.session_ttl);
    let full = session_expiry(&ports.config, signed_in.session.created_at, now);
    let extend = signed_in.expires_at < now.plus(ttl / 2) && full > signed_in.expires_at;
    if !extend && signed_in.session.last_used_at.plus(LAST_USED_STEP) > now {
        return Ok(());
    }

    let ends = if extend { full } else { signed_in.expires_at };
    match sessions::touch(ports.db.as_ref(), signed_in.session.id, ends, now).await {
        Ok(true) => {}
        // The session was revoked between the two round trips.
        Ok(false) => return Err(AuthenticateRejection::NoSession.into()),
        // The session is valid, and the next request can record its use. So a database that accepts
        // no writes ends no session.
        Err(StoreError::Unavailable(reason)) => {
            tracing::warn!(reason, "the use of a session was not recorded");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }

    signed_in.session.last_used_at = now;
    signed_in.expires_at = ends;
    signed_in.renewed = extend;
    Ok(())
}

/// Revokes the session of `credential`, if there is one. Safe to repeat. An invalid credential has
/// no session to revoke.
///
/// # Errors
/// [`Fault`]
pub async fn sign_out(
    ports: &Ports,
    credential: &Credential,
    origin: &RequestOrigin,
) -> Result<(), Fault> {
    let now = ports.clock.now();
    let context = ports.event_context(origin, now)?;
    let db = ports.db.as_ref();
    match credential {
        Credential::Session(token) => {
            let of = sessions::revoke_by_session_token(db, &token.hash(), &context).await?;
            if let Some(user) = of {
                ports.sockets.check(user).await?;
            }
        }
        Credential::Access(token) => {
            match access_token::verify(ports.signatures.as_ref(), &ports.config, token, now).await {
                Ok(subject) => {
                    sessions::revoke_as_sign_out(db, subject.session, subject.user, &context)
                        .await?;
                    ports.sockets.check(subject.user).await?;
                }
                Err(TokenRefusal::Unverified) => return Err(UNVERIFIED),
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Revokes the session of a refresh token, whether or not the token was used before. Safe to
/// repeat.
///
/// # Errors
/// [`Fault`]
pub async fn end_by_refresh_token(
    ports: &Ports,
    token: &RefreshToken,
    origin: &RequestOrigin,
) -> Result<(), Fault> {
    let context = ports.event_context(origin, ports.clock.now())?;
    let db = ports.db.as_ref();
    let of = sessions::revoke_by_refresh_token(db, &token.family(), &context).await?;
    if let Some(user) = of {
        ports.sockets.check(user).await?;
    }
    Ok(())
}
