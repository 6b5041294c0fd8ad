//! The caller of a use case: the person who owns the token of the request.

use crate::accounts::model::config::SESSION_ABSOLUTE_LIMIT;
use crate::authorization::domain::ports::Ports;
use crate::authorization::domain::rejection::{AuthorizationFailure, AuthorizationRejection};
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::tokens::{PersonTokenQuery, PersonTokenRow, TokenKind};
use crate::authorization::store::{Reads, tokens};
use crate::kernel::model::secret::{PersonToken, TokenHash};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Rows, Statement};

/// The person who owns the token of a request.
#[derive(Clone, Debug)]
pub struct AuthenticatedPerson {
    /// The hash of the token.
    pub hash: TokenHash,
    /// The token and its owner.
    pub token: PersonTokenRow,
    /// Whether this request renewed the token.
    pub renewed: bool,
    /// The time of the request.
    pub now: Timestamp,
}

impl AuthenticatedPerson {
    /// Checks whether the person has a permission in the service `auth`.
    #[must_use]
    pub fn may(&self, permission: AuthPermission) -> bool {
        [permission, AuthPermission::Administer]
            .iter()
            .any(|sufficient| self.token.permissions.contains(sufficient))
    }

    /// Requires that the person has a permission in the service `auth`.
    ///
    /// # Errors
    /// [`AuthorizationRejection::Forbidden`]
    pub fn require(&self, permission: AuthPermission) -> Result<(), AuthorizationFailure> {
        if self.may(permission) {
            Ok(())
        } else {
            Err(AuthorizationRejection::Forbidden(permission.as_str()).into())
        }
    }
}

/// Authenticates the caller and runs `reads` in the same round trip. A second round trip renews a
/// token that expires soon.
///
/// # Errors
/// [`AuthorizationRejection::InvalidToken`] and [`AuthorizationRejection::ExpiredToken`]
pub(super) async fn authenticate<R: Reads>(
    ports: &Ports,
    token: &PersonToken,
    reads: &R,
) -> Result<(AuthenticatedPerson, R::Output), AuthorizationFailure> {
    let (caller, results) = resolve_caller(ports, token, reads.statements()).await?;
    Ok((caller, reads.read(&results)?))
}

/// Authenticates the caller and returns the results of `statements`.
///
/// This function is not generic, so that it is compiled once and not once for each query.
pub(super) async fn resolve_caller(
    ports: &Ports,
    token: &PersonToken,
    statements: Vec<Statement>,
) -> Result<(AuthenticatedPerson, Vec<Rows>), AuthorizationFailure> {
    let (hash, now) = (token.hash(), ports.clock.now());
    let query = PersonTokenQuery { token: &hash, now };
    let mut batch = query.statements();
    let query_length = batch.len();
    batch.extend(statements);

    let mut results = ports.db.batch(batch).await?;
    let rest = results.split_off(query_length.min(results.len()));
    let row = query
        .read(&results)?
        .ok_or(AuthorizationRejection::InvalidToken)?;
    Ok((record_use(ports, hash, row, now).await?, rest))
}

/// Refuses an expired token and renews a token that expires soon.
pub(super) async fn record_use(
    ports: &Ports,
    hash: TokenHash,
    mut token: PersonTokenRow,
    now: Timestamp,
) -> Result<AuthenticatedPerson, AuthorizationFailure> {
    if token.expires_at <= now {
        return Err(AuthorizationRejection::ExpiredToken.into());
    }
    let mut renewed = false;
    if let Some(expires_at) = renewed_expiry(ports, &token, now) {
        let renewal = tokens::renew(ports.db.as_ref(), &hash, token.expires_at, expires_at)
            .await?
            .ok_or(AuthorizationRejection::InvalidToken)?;
        renewed = renewal.by_this_call;
        token.expires_at = renewal.expires_at;
    }
    Ok(AuthenticatedPerson {
        hash,
        token,
        renewed,
        now,
    })
}

/// Returns when the token expires after a renewal, or `None` if the token needs no renewal.
///
/// The absolute limit of sessions also limits renewals, so that a stolen token does not live longer
/// than a session.
fn renewed_expiry(ports: &Ports, token: &PersonTokenRow, now: Timestamp) -> Option<Timestamp> {
    if token.expires_at > now.plus(ports.config.renew_threshold) {
        return None;
    }
    let limit = token.created_at.plus(SESSION_ABSOLUTE_LIMIT).to_second();
    Some(token_expiry(ports, token.kind, now).min(limit))
        .filter(|expires_at| *expires_at > token.expires_at)
}

/// Returns the expiry of a token that is issued or renewed now, in whole seconds.
pub(super) fn token_expiry(ports: &Ports, kind: TokenKind, now: Timestamp) -> Timestamp {
    let lifetime = match kind {
        TokenKind::User => ports.config.user_token_ttl,
        TokenKind::Service => ports.config.service_token_ttl,
    };
    now.to_second().plus(lifetime)
}
