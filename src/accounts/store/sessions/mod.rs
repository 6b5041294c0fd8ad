//! Sign-ins: made, found by session token or by id, extended, revoked, listed, swept.

mod create;

pub(super) use create::statements;
pub use create::{
    NewSession, NewSessionToken, NewTokenPair, RecoveredAccount, SessionOwner, create,
};

use crate::accounts::model::amr::Amr;
use crate::accounts::model::records::{Caller, Platform, Session, User};
use crate::accounts::store::person_tokens;
use crate::accounts::store::{events, live, users};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, Db, Row, StoreError, remove_in_batches, rows, run, sql};

pub(super) fn read(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.parsed("session_id", SessionId::parse)?,
        user_id: row.parsed("user_id", UserId::parse)?,
        platform: row.parsed("platform", Platform::parse)?,
        user_agent: row.opt_text("session_user_agent")?,
        authenticated_at: row.time("authenticated_at")?,
        amr: Amr::from_stored(&row.text("amr")?),
        recovering: row.integer("recovering")? == 1,
        country: row.opt_text("country")?,
        created_at: row.time("session_created_at")?,
        last_used_at: row.time("last_used_at")?,
        token_expires_at: row.opt_time("token_expires_at")?,
        access_expires_at: row.opt_time("access_expires_at")?,
        refresh_expires_at: row.opt_time("refresh_expires_at")?,
    })
}

fn first_with_user(rows: &[Row]) -> Result<Option<(Session, User)>, StoreError> {
    rows.first()
        .map(|row| Ok((read(row)?, users::read(row)?)))
        .transpose()
}

/// The live sign-in of a session token, with its account.
///
/// # Errors
/// [`StoreError`]
pub async fn by_token(
    db: &dyn Db,
    token: &TokenHash,
    now: Timestamp,
) -> Result<Option<(Session, User)>, StoreError> {
    let select = sql(
        concat!(
            "SELECT ",
            session_columns!("s."),
            ",
                ",
            user_columns!("u."),
            "
           FROM sessions AS s JOIN users AS u ON u.id = s.user_id
          WHERE s.token_hash = ?1 AND s.token_expires_at > ?2 AND s.revoked_at IS NULL"
        ),
        [token.into(), now.into()],
    );
    first_with_user(&run(db, select).await?)
}

/// The live sign-in `id` of `user`, with the account: what stands behind an access token.
///
/// # Errors
/// [`StoreError`]
pub async fn by_id(
    db: &dyn Db,
    id: SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<(Session, User)>, StoreError> {
    let select = sql(
        concat!(
            "SELECT ",
            session_columns!("s."),
            ",
                ",
            user_columns!("u."),
            "
           FROM sessions AS s JOIN users AS u ON u.id = s.user_id
          WHERE s.id = ?1 AND s.user_id = ?2 AND s.refresh_expires_at > ?3 AND s.revoked_at IS NULL"
        ),
        [id.into(), user.into(), now.into()],
    );
    first_with_user(&run(db, select).await?)
}

/// Notes that a session token was used and moves its end to `expires_at`, never back. `false` if
/// the sign-in is not live any more.
///
/// # Errors
/// [`StoreError`]
pub async fn touch(
    db: &dyn Db,
    id: SessionId,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let update = sql(
        "UPDATE sessions SET last_used_at = MAX(last_used_at, ?3), token_expires_at = MAX(token_expires_at, ?2), expires_at = MAX(expires_at, ?2)
          WHERE id = ?1 AND token_expires_at > ?3 AND revoked_at IS NULL RETURNING id",
        [id.into(), expires_at.into(), now.into()],
    );
    Ok(!run(db, update).await?.is_empty())
}

/// Ends the sign-in that a session token belongs to. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_by_session_token(
    db: &dyn Db,
    token: &TokenHash,
    context: &EventContext,
) -> Result<(), StoreError> {
    let event = events::about_session_token(context, EventKind::SignedOut, token);
    let update = sql(
        "UPDATE sessions SET revoked_at = ?2 WHERE token_hash = ?1 AND revoked_at IS NULL",
        [token.into(), context.at.into()],
    );
    db.batch(vec![event, update]).await.map(drop)
}

/// Ends the sign-in that a refresh token belongs to or belonged to. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_by_refresh_token(
    db: &dyn Db,
    token: &TokenHash,
    context: &EventContext,
) -> Result<(), StoreError> {
    let event = events::about_refresh_token(context, EventKind::SignInRevoked, token);
    let update = sql(
        "UPDATE sessions SET revoked_at = ?2 WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = ?1) AND revoked_at IS NULL",
        [token.into(), context.at.into()],
    );
    db.batch(vec![event, update]).await.map(drop)
}

/// Ends the sign-in `id` of `user`, whoever asks. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke_as_sign_out(
    db: &dyn Db,
    id: SessionId,
    user: UserId,
    context: &EventContext,
) -> Result<(), StoreError> {
    let event = events::about_session(context, EventKind::SignedOut, user, id);
    let update = sql(
        "UPDATE sessions SET revoked_at = ?3 WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL",
        [id.into(), user.into(), context.at.into()],
    );
    db.batch(vec![event, update]).await.map(drop)
}

/// Ends the sign-in `id` of the caller's account. Gives whether there is such a sign-in, also if it
/// was revoked before: safe to repeat; `None` if the caller's own sign-in is not live any more.
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
          WHERE id = ?1 AND user_id = ?2 AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?4 AND s.user_id = ?2 AND s.revoked_at IS NULL)
         RETURNING id",
        [id.into(), by.user.into(), context.at.into(), by.session.into()],
    );
    let results = db
        .batch(vec![
            live::select(by),
            events::about_revoked(context, by, id),
            update,
        ])
        .await?;
    Ok((!rows(&results, 0).is_empty()).then(|| !rows(&results, 2).is_empty()))
}

/// Ends every live sign-in of the caller's account that has a pair, and its tokens of the
/// authorization service; gives how many, `None` if the caller's own is not live any more.
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
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?3 AND s.user_id = ?1 AND s.revoked_at IS NULL)
         RETURNING id",
        [by.user.into(), context.at.into(), by.session.into()],
    );
    let results = db
        .batch(vec![
            live::select(by),
            events::about_token_pairs(context, by),
            person_tokens::revoke_by(by),
            update,
        ])
        .await?;
    Ok((!rows(&results, 0).is_empty()).then(|| rows(&results, 3).len()))
}

/// Ends every live sign-in of the caller's account but the caller's own, and its tokens of the
/// authorization service; gives how many, `None` if that one is not live any more.
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
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?3 AND s.user_id = ?1 AND s.revoked_at IS NULL)
         RETURNING id",
        [by.user.into(), context.at.into(), by.session.into()],
    );
    let results = db
        .batch(vec![
            live::select(by),
            events::about_others(context, by),
            person_tokens::revoke_by(by),
            update,
        ])
        .await?;
    Ok((!rows(&results, 0).is_empty()).then(|| rows(&results, 3).len()))
}

/// The live sign-ins of `user` that have a pair, newest first, at most 200.
///
/// # Errors
/// [`StoreError`]
pub async fn list_token_pairs(
    db: &dyn Db,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let select = sql(
        concat!(
            "SELECT user_id, ",
            session_columns!(""),
            "
           FROM sessions WHERE user_id = ?1 AND refresh_expires_at > ?2 AND revoked_at IS NULL
          ORDER BY created_at DESC LIMIT 200"
        ),
        [user.into(), now.into()],
    );
    run(db, select).await?.iter().map(read).collect()
}

/// The live sign-ins of `user` of every kind, newest first, at most 200.
///
/// # Errors
/// [`StoreError`]
pub async fn list(db: &dyn Db, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    let select = sql(
        concat!(
            "SELECT user_id, ",
            session_columns!(""),
            "
           FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL
            AND (COALESCE(token_expires_at, 0) > ?2 OR COALESCE(refresh_expires_at, 0) > ?2)
          ORDER BY created_at DESC LIMIT 200"
        ),
        [user.into(), now.into()],
    );
    run(db, select).await?.iter().map(read).collect()
}

/// Removes sign-ins that have ended and have no refresh tokens left, some batches of them; gives
/// how many.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM sessions WHERE id IN (
             SELECT s.id FROM sessions AS s
              WHERE s.expires_at <= ?1 AND NOT EXISTS (SELECT 1 FROM refresh_tokens AS r WHERE r.session_id = s.id)
              ORDER BY s.expires_at LIMIT ?2)
         RETURNING id",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
