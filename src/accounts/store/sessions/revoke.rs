//! Revocation of sessions.

use super::events;
use crate::accounts::model::records::Caller;
use crate::accounts::store::{events as log, live, person_tokens};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::store::{Db, Rows, StoreError, batch, sql};

/// Revokes the session of a session token. Returns its account, also if it was revoked before. Safe
/// to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_by_session_token(
    db: &dyn Db,
    token: &TokenHash,
    context: &EventContext,
) -> Result<Option<UserId>, StoreError> {
    let event = events::about_session_token(context, EventKind::SignedOut, token);
    let update = sql(
        "UPDATE sessions SET revoked_at = COALESCE(revoked_at, ?2) WHERE token_hash = ?1
         RETURNING user_id",
        [token.into(), context.at.into()],
    );
    let [_, revoked] = batch(db, [event, update]).await?;
    owner(&revoked)
}

/// Revokes the session of the refresh tokens of a family, current or replaced. Returns its account,
/// also if it was revoked before. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_by_refresh_token(
    db: &dyn Db,
    family: &TokenHash,
    context: &EventContext,
) -> Result<Option<UserId>, StoreError> {
    let event = events::about_refresh_token(context, EventKind::SignInRevoked, family);
    let update = sql(
        "UPDATE sessions SET revoked_at = COALESCE(revoked_at, ?2) WHERE refresh_family = ?1
         RETURNING user_id",
        [family.into(), context.at.into()],
    );
    let [_, revoked] = batch(db, [event, update]).await?;
    owner(&revoked)
}

/// Returns the account of the session that a statement returned.
fn owner(revoked: &Rows) -> Result<Option<UserId>, StoreError> {
    let row = revoked.first();
    row.map(|row| row.parsed("user_id", UserId::parse))
        .transpose()
}

/// Revokes the session `id` of `user` without checking a caller's session. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_as_sign_out(
    db: &dyn Db,
    id: SessionId,
    user: UserId,
    context: &EventContext,
) -> Result<(), StoreError> {
    let event = log::about_session(context, EventKind::SignedOut, user, id);
    let update = sql(
        "UPDATE sessions SET revoked_at = ?3
          WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL",
        [id.into(), user.into(), context.at.into()],
    );
    batch(db, [event, update]).await.map(drop)
}

/// Revokes the session `id` of the caller's account. Returns whether the account has this session,
/// revoked earlier or now, so the call is safe to repeat. Returns `None` if the caller's own
/// session is no longer live.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke(
    db: &dyn Db,
    by: Caller,
    id: SessionId,
    context: &EventContext,
) -> Result<Option<bool>, StoreError> {
    let update = sql(
        "UPDATE sessions SET revoked_at = COALESCE(revoked_at, ?3)
          WHERE id = ?1 AND user_id = ?2 AND EXISTS (
                SELECT 1 FROM sessions AS s
                 WHERE s.id = ?4 AND s.user_id = ?2 AND s.revoked_at IS NULL)
         RETURNING id",
        [
            id.into(),
            by.user.into(),
            context.at.into(),
            by.session.into(),
        ],
    );
    let statements = [
        live::select(by),
        events::about_revoked(context, by, id),
        update,
    ];
    let [own, _, revoked] = batch(db, statements).await?;
    Ok((!own.is_empty()).then_some(!revoked.is_empty()))
}

/// Revokes every live session of the caller's account that has a token pair, and the person's
/// tokens of the authorization service. Returns the number of sessions, or `None` if the caller's
/// own session is no longer live.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_token_pairs(
    db: &dyn Db,
    by: Caller,
    context: &EventContext,
) -> Result<Option<usize>, StoreError> {
    let update = sql(
        "UPDATE sessions SET revoked_at = ?2
          WHERE user_id = ?1 AND refresh_expires_at > ?2 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM sessions AS s
                         WHERE s.id = ?3 AND s.user_id = ?1 AND s.revoked_at IS NULL)
         RETURNING id",
        [by.user.into(), context.at.into(), by.session.into()],
    );
    let statements = [
        live::select(by),
        events::about_token_pairs(context, by),
        person_tokens::revoke_by(by),
        update,
    ];
    let [own, _, _, revoked] = batch(db, statements).await?;
    Ok((!own.is_empty()).then_some(revoked.len()))
}

/// Revokes every live session of the caller's account except the caller's own, and the person's
/// tokens of the authorization service. Returns the number of sessions, or `None` if the caller's
/// own session is no longer live.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_others(
    db: &dyn Db,
    by: Caller,
    context: &EventContext,
) -> Result<Option<usize>, StoreError> {
    let update = sql(
        "UPDATE sessions SET revoked_at = ?2
          WHERE user_id = ?1 AND id <> ?3 AND expires_at > ?2 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM sessions AS s
                         WHERE s.id = ?3 AND s.user_id = ?1 AND s.revoked_at IS NULL)
         RETURNING id",
        [by.user.into(), context.at.into(), by.session.into()],
    );
    let statements = [
        live::select(by),
        events::about_others(context, by),
        person_tokens::revoke_by(by),
        update,
    ];
    let [own, _, _, revoked] = batch(db, statements).await?;
    Ok((!own.is_empty()).then_some(revoked.len()))
}
