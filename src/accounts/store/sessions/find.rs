//! Sessions that exist: found, extended, listed, removed after their expiry.

use const_format::concatcp;

use crate::accounts::model::amr::Amr;
use crate::accounts::model::records::{Platform, Session, User};
use crate::accounts::store::users::USER_COLUMNS;
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, StoreError, read_all, remove_in_batches, run, sql,
};

/// The columns of a session except `user_id`, for a statement that names the table `sessions`
/// without an alias.
pub(in crate::accounts::store) const SESSION_COLUMNS: &str = "sessions.id AS session_id,
    sessions.platform, sessions.user_agent AS session_user_agent, sessions.authenticated_at,
    sessions.amr, sessions.recovering, sessions.country,
    sessions.created_at AS session_created_at, sessions.last_used_at, sessions.token_expires_at,
    sessions.access_expires_at, sessions.refresh_expires_at";

impl TryFrom<&Row> for Session {
    type Error = StoreError;

    /// Reads `user_id` and [`SESSION_COLUMNS`].
    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
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
}

fn first_with_user(rows: &[Row]) -> Result<Option<(Session, User)>, StoreError> {
    rows.first()
        .map(|row| Ok((Session::try_from(row)?, User::try_from(row)?)))
        .transpose()
}

/// Returns the live session of a session token, with its account.
///
/// # Errors
/// [`StoreError`]
pub async fn by_token(
    db: &dyn Db,
    token: &TokenHash,
    now: Timestamp,
) -> Result<Option<(Session, User)>, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT ",
            SESSION_COLUMNS,
            ", ",
            USER_COLUMNS,
            " FROM sessions JOIN users ON users.id = sessions.user_id
              WHERE sessions.token_hash = ?1 AND sessions.token_expires_at > ?2
                AND sessions.revoked_at IS NULL"
        ),
        [token.into(), now.into()],
    );
    first_with_user(&run(db, select).await?)
}

/// Returns the live session `id` of `user`, with the account. An access token names both ids.
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
        concatcp!(
            "SELECT ",
            SESSION_COLUMNS,
            ", ",
            USER_COLUMNS,
            " FROM sessions JOIN users ON users.id = sessions.user_id
              WHERE sessions.id = ?1 AND sessions.user_id = ?2
                AND sessions.refresh_expires_at > ?3 AND sessions.revoked_at IS NULL"
        ),
        [id.into(), user.into(), now.into()],
    );
    first_with_user(&run(db, select).await?)
}

/// Records the use of a session token and moves its expiry to `expires_at`, never back. Returns
/// `false` if the session is no longer live.
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
        "UPDATE sessions SET last_used_at = MAX(last_used_at, ?3),
                token_expires_at = MAX(token_expires_at, ?2),
                expires_at = MAX(expires_at, ?2)
          WHERE id = ?1 AND token_expires_at > ?3 AND revoked_at IS NULL
         RETURNING id",
        [id.into(), expires_at.into(), now.into()],
    );
    Ok(!run(db, update).await?.is_empty())
}

/// Lists the live sessions of `user` that have a token pair, newest first, at most 200.
///
/// # Errors
/// [`StoreError`]
pub async fn list_token_pairs(
    db: &dyn Db,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT user_id, ",
            SESSION_COLUMNS,
            " FROM sessions
              WHERE user_id = ?1 AND refresh_expires_at > ?2 AND revoked_at IS NULL
              ORDER BY created_at DESC LIMIT 200"
        ),
        [user.into(), now.into()],
    );
    read_all(&run(db, select).await?)
}

/// Lists the live sessions of `user`, newest first, at most 200.
///
/// # Errors
/// [`StoreError`]
pub async fn list(db: &dyn Db, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT user_id, ",
            SESSION_COLUMNS,
            " FROM sessions
              WHERE user_id = ?1 AND revoked_at IS NULL
                AND (COALESCE(token_expires_at, 0) > ?2 OR COALESCE(refresh_expires_at, 0) > ?2)
              ORDER BY created_at DESC LIMIT 200"
        ),
        [user.into(), now.into()],
    );
    read_all(&run(db, select).await?)
}

/// Removes expired sessions that have no refresh tokens left, in a few batches. Returns their
/// number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM sessions WHERE id IN (
             SELECT s.id FROM sessions AS s
              WHERE s.expires_at <= ?1
                AND NOT EXISTS (SELECT 1 FROM refresh_tokens AS r WHERE r.session_id = s.id)
              ORDER BY s.expires_at LIMIT ?2)
         RETURNING id",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
