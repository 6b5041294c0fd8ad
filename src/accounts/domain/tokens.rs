//! Refresh tokens: rotation with reuse detection (RFC 9700 §4.14.2), and revocation.
//!
//! The successor of a token is derived from the token under a key of the server. A client that lost
//! the response and repeats the request gets the same successor again. So the chain cannot fork,
//! and the server keeps no secret for the repetition (docs/decisions/0006).

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::derived::derive;
use crate::accounts::domain::sign_in;
use crate::accounts::domain::sign_in::TokenPair;
use crate::accounts::model::config::REFRESH_ABSOLUTE_LIMIT;
use crate::accounts::model::config::REFRESH_REPEAT_WINDOW;
use crate::accounts::model::records::{Caller, Session};
use crate::accounts::model::signing_keys::SigningKey;
use crate::accounts::store::refresh_tokens;
use crate::accounts::store::refresh_tokens::{RefreshTokenRow, Rotation, RotationOutcome};
use crate::accounts::store::sessions;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection, TooManyAttempts};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::secret::RefreshToken;
use crate::kernel::store::StoreError;

/// Separates this use of the signing key from signing itself.
const LABEL: &[u8] = b"hamrah-api refresh token successor v1";

/// The time after which a client may try again when its session was refreshed too often.
const REFRESH_WAIT: Duration = Duration::from_mins(10);

/// The reasons to reject a refresh token.
#[derive(Debug, thiserror::Error)]
pub enum RotateRejection {
    /// The token is unknown or expired, or its session was revoked.
    #[error("the refresh token is unknown or expired, or its session was revoked")]
    Invalid,
    /// The token was used before. Its session is revoked now.
    #[error("the refresh token was used before; its session is revoked")]
    Reused,
}

impl Rejection for RotateRejection {}

/// Exchanges a refresh token for a new token pair, whose access token lives for `access_ttl`. One
/// round trip.
///
/// One of several concurrent callers rotates the token. The others, and a client that lost the
/// response, get the same successor for 30 seconds while it is unused. After that a replay revokes
/// the session.
///
/// # Errors
/// [`RotateRejection`]
pub async fn rotate(
    ports: &Ports,
    presented: &RefreshToken,
    access_ttl: Duration,
    origin: &RequestOrigin,
) -> Result<TokenPair, Failure<RotateRejection>> {
    let now = ports.clock.now();
    let db = ports.db.as_ref();
    let successor =
        successor(ports.config.signing_keys.current(), presented).ok_or(sign_in::NOT_SIGNED)?;
    let access_expires_at = now.plus(access_ttl);
    let rotation = Rotation {
        presented: &presented.hash(),
        family: &presented.family(),
        successor: &successor.hash(),
        refresh_expires_at: now.plus(ports.config.refresh_token_ttl),
        absolute_limit_millis: i64::try_from(REFRESH_ABSOLUTE_LIMIT.as_millis())
            .unwrap_or(i64::MAX),
        access_expires_at,
        repeat_since: now.minus(REFRESH_REPEAT_WINDOW),
        event: ports.id(EventId::from_random)?,
    };

    let context = ports.event_context(origin, now)?;
    let known = match refresh_tokens::rotate(db, &rotation, &context).await? {
        RotationOutcome::Known(known) => known,
        RotationOutcome::Reused => return Err(RotateRejection::Reused.into()),
        RotationOutcome::Unknown => return Err(RotateRejection::Invalid.into()),
    };
    if known.revoked || known.expires_at <= now {
        return Err(RotateRejection::Invalid.into());
    }

    if !known.rotated && known.successor.is_none() {
        return Err(TooManyAttempts { wait: REFRESH_WAIT }.into());
    }

    // A repeated call within the window gets the same successor. If the successor was derived under
    // a key that is not configured here, it cannot be returned. This is not a replay either.
    let refresh_token = if known.rotated {
        Some(successor)
    } else {
        repeated(ports, presented, &known)
    };
    let refresh_token = refresh_token.ok_or(RotateRejection::Invalid)?;

    // The last access token of a chain expires together with the chain.
    let ends = access_expires_at.min(known.session.created_at.plus(REFRESH_ABSOLUTE_LIMIT));
    let access_token =
        sign_in::sign_access_token(ports, (&known.session).into(), now, ends).await?;
    Ok(TokenPair {
        user: known.user,
        access_token,
        refresh_token,
        expires_in: ends.seconds_since(now),
    })
}

/// Returns the successor again for a repeated call. It tries every key, because the keys may have
/// been rotated since.
fn repeated(
    ports: &Ports,
    presented: &RefreshToken,
    known: &RefreshTokenRow,
) -> Option<RefreshToken> {
    let replaced = known.successor.as_ref()?;
    let mut candidates = ports
        .config
        .signing_keys
        .iter()
        .filter_map(|key| successor(key, presented));
    candidates.find(|candidate| candidate.hash() == *replaced)
}

/// Derives the successor of a token under a key.
fn successor(key: &SigningKey, presented: &RefreshToken) -> Option<RefreshToken> {
    let secret = derive(key, LABEL, presented.reveal().as_bytes())?;
    Some(presented.successor(&secret))
}

/// The reasons not to revoke a session.
#[derive(Debug, thiserror::Error)]
pub enum RevokeRejection {
    /// The account has no such session.
    #[error("the account has no such session")]
    Unknown,
}

impl Rejection for RevokeRejection {}

/// Revokes one session of the caller's account. Its tokens are rejected from the response on. Safe
/// to repeat.
///
/// # Errors
/// [`RevokeRejection`]
pub async fn revoke(
    ports: &Ports,
    by: Caller,
    id: SessionId,
    origin: &RequestOrigin,
) -> Result<(), Failure<RevokeRejection>> {
    let context = ports.event_context(origin, ports.clock.now())?;
    let known = sessions::revoke(ports.db.as_ref(), by, id, &context)
        .await?
        .ok_or(Fault::SignedOut)?;
    if known {
        Ok(ports.sockets.check(by.user).await?)
    } else {
        Err(RevokeRejection::Unknown.into())
    }
}

/// Revokes all sessions of the caller's account that have a token pair. Returns their number.
///
/// # Errors
/// [`Fault`]
pub async fn revoke_all(ports: &Ports, by: Caller, origin: &RequestOrigin) -> Result<usize, Fault> {
    let context = ports.event_context(origin, ports.clock.now())?;
    let revoked = sessions::revoke_token_pairs(ports.db.as_ref(), by, &context)
        .await?
        .ok_or(Fault::SignedOut)?;
    ports.sockets.check(by.user).await?;
    Ok(revoked)
}

/// Revokes all sessions of the caller's account except the caller's own. Returns their number.
///
/// # Errors
/// [`Fault`]
pub async fn revoke_others(
    ports: &Ports,
    by: Caller,
    origin: &RequestOrigin,
) -> Result<usize, Fault> {
    let context = ports.event_context(origin, ports.clock.now())?;
    let revoked = sessions::revoke_others(ports.db.as_ref(), by, &context)
        .await?
        .ok_or(Fault::SignedOut)?;
    ports.sockets.check(by.user).await?;
    Ok(revoked)
}

/// Returns the live sessions of `user` that have a token pair, newest first, at most 200.
///
/// # Errors
/// [`StoreError`]
pub async fn list(ports: &Ports, user: UserId) -> Result<Vec<Session>, StoreError> {
    sessions::list_token_pairs(ports.db.as_ref(), user, ports.clock.now()).await
}
