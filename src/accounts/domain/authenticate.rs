//! Who is calling: from a session token or an access token to a live sign-in and its account, in
//! one round trip.

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::access_token;
use crate::accounts::domain::access_token::Refused;
use crate::accounts::domain::sign_in;
use crate::accounts::model::attest::Mode;
use crate::accounts::model::records::{Caller, Platform, Session, User};
use crate::accounts::store::sessions;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::secret::{RefreshToken, SessionToken};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;

/// How exact `last_used_at` is for web sessions: a write a request would double the round trips.
const LAST_USED_STEP: Duration = Duration::from_hours(1);

const UNVERIFIED: Fault = Fault::Unavailable("the platform could not verify a signature");

/// What a caller presents.
#[derive(Debug)]
pub enum Credential {
    /// A web session token, from the cookie or as a Bearer token.
    Session(SessionToken),
    /// An access token, as it came.
    Access(String),
}

/// A caller who is who they say.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Their account.
    pub user: User,
    /// Their sign-in.
    pub session: Session,
    /// When the presented token ends.
    pub expires_at: Timestamp,
    /// Whether the session was extended just now, so that its cookie must be written again.
    pub renewed: bool,
    /// When this was established.
    pub now: Timestamp,
}

impl SignedIn {
    /// Who changes something, for writes that ask again whether the sign-in is live.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            user: self.user.id,
            session: self.session.id,
        }
    }

    /// Whether the owner proved who they are within the last `time`, and not only by recovery.
    #[must_use]
    pub fn is_recent(&self, time: Duration) -> bool {
        self.session.authenticated_at > self.now.minus(time) && !self.session.amr.is_recovered()
    }
}

/// The reasons to reject a credential.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateRejection {
    /// The access token is not valid.
    #[error("the access token is refused: {0}")]
    AccessToken(Refused),
    /// The session of the token is unknown, revoked or expired.
    #[error("there is no live session behind the token")]
    NoSession,
}

impl Rejection for AuthenticateRejection {}

impl From<Refused> for Failure<AuthenticateRejection> {
    fn from(refused: Refused) -> Self {
        match refused {
            // The token may be valid, so the client must keep it and try again.
            Refused::Unverified => UNVERIFIED.into(),
            refused => AuthenticateRejection::AccessToken(refused).into(),
        }
    }
}

/// Establishes who presents `credential`.
///
/// One round trip. That a web session was used is noted by [`keep_alive`], once it is known that it
/// may be.
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

/// Whether a session that is presented alone may be used so: one of iOS needs its device, where
/// that is required.
#[must_use]
pub fn stands_alone(ports: &Ports, signed_in: &SignedIn) -> bool {
    ports.config.attest.mode != Mode::Require || signed_in.session.platform != Platform::Ios
}

/// Extends a session that was presented by its token and of which less than half is left, up to its
/// absolute limit, and notes its use. One round trip, at most every hour; none for other
/// credentials.
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
    let full = sign_in::session_end(&ports.config, signed_in.session.created_at, now);
    let extend = signed_in.expires_at < now.plus(ttl / 2) && full > signed_in.expires_at;
    if !extend && signed_in.session.last_used_at.plus(LAST_USED_STEP) > now {
        return Ok(());
    }
    let ends = if extend { full } else { signed_in.expires_at };
    match sessions::touch(ports.db.as_ref(), signed_in.session.id, ends, now).await {
        Ok(true) => {}
        // It was revoked between the two round trips.
        Ok(false) => return Err(AuthenticateRejection::NoSession.into()),
        // The session is good, and the next request can note it as well: a database that only reads
        // signs nobody out.
        Err(StoreError::Unavailable(reason)) => {
            tracing::warn!(reason, "the use of a session was not noted");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    signed_in.session.last_used_at = now;
    signed_in.expires_at = ends;
    signed_in.renewed = extend;
    Ok(())
}

/// Ends the sign-in behind `credential`, if there is one. Safe to repeat; a credential that is not
/// good is nothing to end.
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
            sessions::revoke_by_session_token(db, &token.hash(), &context).await?;
        }
        Credential::Access(token) => {
            match access_token::verify(ports.signatures.as_ref(), &ports.config, token, now).await {
                Ok(subject) => {
                    sessions::revoke_as_sign_out(db, subject.session, subject.user, &context)
                        .await?;
                }
                Err(Refused::Unverified) => return Err(UNVERIFIED),
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Ends the sign-in of a refresh token, whether or not it was used, if there is one. Safe to
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
    Ok(sessions::revoke_by_refresh_token(ports.db.as_ref(), &token.hash(), &context).await?)
}
