//! The chain of refresh tokens of a sign-in.

use crate::accounts::model::records::{Caller, Platform, Session, User};
use crate::accounts::store::{events, sessions, users};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{CLEANUP_BATCH, Db, Row, StoreError, remove_in_batches, rows, run, sql};

/// A rotation to try.
#[derive(Debug)]
pub struct Rotation<'a> {
    /// The token that the caller presented.
    pub presented: &'a TokenHash,
    /// What is to replace it.
    pub successor: &'a TokenHash,
    /// When the successor ends, unless the chain's absolute limit comes first.
    pub refresh_expires_at: Timestamp,
    /// The chain's absolute limit, in milliseconds after the sign-in was made.
    pub absolute_limit_millis: i64,
    /// When the new access token ends.
    pub access_expires_at: Timestamp,
    /// Since when a replaced token may be repeated.
    pub repeat_since: Timestamp,
    /// The id of the event that tells of the rotation.
    pub event: EventId,
}

/// What the database knows about a presented token after a rotation was tried.
#[derive(Debug)]
pub struct RefreshTokenRow {
    /// Whether it was a replay, and this call revoked the sign-in.
    pub reused: bool,
    /// Whether this call replaced it.
    pub rotated: bool,
    /// The sign-in, as it is now.
    pub session: Session,
    /// Its account.
    pub user: User,
    /// Whether the sign-in has been revoked.
    pub revoked: bool,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Its successor's hash, if it was replaced.
    pub successor: Option<TokenHash>,
}

/// The sign-in that a refresh token belongs to, and where that happened, if the token can be
/// exchanged now or the exchange be repeated.
///
/// # Errors
/// [`StoreError`]
pub async fn session_of(
    db: &dyn Db,
    token: &TokenHash,
    repeat_since: Timestamp,
    now: Timestamp,
) -> Result<Option<(Caller, Platform)>, StoreError> {
    let select = sql(
        "SELECT s.id AS session_id, s.user_id, s.platform FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
          WHERE r.token_hash = ?1 AND r.expires_at > ?2 AND s.revoked_at IS NULL AND (r.replaced_by IS NULL OR r.replaced_at >= ?3)",
        [token.into(), now.into(), repeat_since.into()],
    );
    let read = |row: &Row| {
        let by = Caller {
            user: row.parsed("user_id", UserId::parse)?,
            session: row.parsed("session_id", SessionId::parse)?,
        };
        Ok((by, row.parsed("platform", Platform::parse)?))
    };
    run(db, select).await?.first().map(read).transpose()
}

/// Replaces the presented token by its successor, at most once; all of it happens or nothing does.
///
/// Of concurrent callers exactly one gets `rotated`. `None` if the token is unknown.
///
/// # Errors
/// [`StoreError`]
pub async fn rotate(
    db: &dyn Db,
    rotation: &Rotation<'_>,
    context: &EventContext,
) -> Result<Option<RefreshTokenRow>, StoreError> {
    let now = context.at;
    // A replay is found and answered first: what follows finds the sign-in revoked.
    let reuse_event = events::about_reuse(context, rotation.presented, rotation.repeat_since);
    let revoke = sql(
        "UPDATE sessions SET revoked_at = ?2
          WHERE revoked_at IS NULL AND id = (
              SELECT r.session_id FROM refresh_tokens AS r LEFT JOIN refresh_tokens AS n ON n.token_hash = r.replaced_by
               WHERE r.token_hash = ?1 AND r.replaced_by IS NOT NULL AND r.expires_at > ?2
                 AND (r.replaced_at < ?3 OR n.token_hash IS NULL OR n.replaced_by IS NOT NULL OR n.expires_at <= ?2))
         RETURNING id",
        [rotation.presented.into(), now.into(), rotation.repeat_since.into()],
    );
    let event = events::about_refresh(&context.with_id(rotation.event), rotation.presented);
    let replace = sql(
        "UPDATE refresh_tokens SET replaced_by = ?2, replaced_at = ?3
          WHERE token_hash = ?1 AND replaced_by IS NULL AND expires_at > ?3
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = session_id AND s.revoked_at IS NULL)
         RETURNING token_hash",
        [rotation.presented.into(), rotation.successor.into(), now.into()],
    );
    // Zero rows above is no error, so this must not rely on it having matched. A repeat of the same
    // call finds the successor there.
    let insert = sql(
        "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at)
         SELECT ?2, r.session_id, ?3, MIN(?4, s.created_at + ?5)
           FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
          WHERE r.token_hash = ?1 AND r.replaced_by = ?2 AND r.replaced_at = ?3 AND s.revoked_at IS NULL
         ON CONFLICT DO NOTHING",
        [
            rotation.presented.into(),
            rotation.successor.into(),
            now.into(),
            rotation.refresh_expires_at.into(),
            rotation.absolute_limit_millis.into(),
        ],
    );
    // For the winner, and for a repeat within its window while the successor is unused; for nobody
    // else.
    let update = sql(
        "UPDATE sessions SET last_used_at = MAX(last_used_at, ?2),
                access_expires_at = MAX(access_expires_at, MIN(?3, sessions.created_at + ?4)),
                refresh_expires_at = n.expires_at,
                expires_at = MAX(COALESCE(token_expires_at, 0), n.expires_at)
           FROM refresh_tokens AS r JOIN refresh_tokens AS n ON n.token_hash = r.replaced_by
          WHERE r.token_hash = ?1 AND r.replaced_at >= ?5 AND n.replaced_by IS NULL
            AND sessions.id = r.session_id AND sessions.revoked_at IS NULL",
        [
            rotation.presented.into(),
            now.into(),
            rotation.access_expires_at.into(),
            rotation.absolute_limit_millis.into(),
            rotation.repeat_since.into(),
        ],
    );
    let select = sql(
        concat!(
            "SELECT r.expires_at, r.replaced_by, s.revoked_at, ",
            session_columns!("s."),
            ",
                ",
            user_columns!("u."),
            "
           FROM refresh_tokens AS r
           JOIN sessions AS s ON s.id = r.session_id
           JOIN users AS u ON u.id = s.user_id
          WHERE r.token_hash = ?1"
        ),
        [rotation.presented.into()],
    );
    let results = db
        .batch(vec![
            reuse_event,
            revoke,
            event,
            replace,
            insert,
            update,
            select,
        ])
        .await?;
    let Some(row) = rows(&results, 6).first() else {
        return Ok(None);
    };
    Ok(Some(RefreshTokenRow {
        reused: !rows(&results, 1).is_empty(),
        rotated: !rows(&results, 3).is_empty(),
        session: sessions::read(row)?,
        user: users::read(row)?,
        revoked: row.opt_time("revoked_at")?.is_some(),
        expires_at: row.time("expires_at")?,
        successor: row.opt_text("replaced_by")?.map(TokenHash::from_stored),
    }))
}

/// Removes refresh tokens that have ended, some batches of them; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM refresh_tokens WHERE token_hash IN (
             SELECT token_hash FROM refresh_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING token_hash",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
