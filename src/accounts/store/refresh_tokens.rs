//! The refresh tokens of a session. Each is replaced by its successor, and a session keeps the two
//! newest.

use std::time::Duration;

use const_format::concatcp;

use crate::accounts::model::records::{Caller, Platform, Session, User};
use crate::accounts::store::events;
use crate::accounts::store::events::INSERT_EVENT;
use crate::accounts::store::sessions::SESSION_COLUMNS;
use crate::accounts::store::users::USER_COLUMNS;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, batch, read_first, remove_in_batches, run, sql,
};

/// The time in which a session can be refreshed 200 times.
const DAY: Duration = Duration::from_hours(24);

/// A rotation to try.
#[derive(Debug)]
pub struct Rotation<'a> {
    /// The token that the caller presented.
    pub presented: &'a TokenHash,
    /// The family of the token.
    pub family: &'a TokenHash,
    /// The token that replaces it.
    pub successor: &'a TokenHash,
    /// The successor's expiry, unless the session's absolute limit comes first.
    pub refresh_expires_at: Timestamp,
    /// The absolute limit of the session, in milliseconds after its creation.
    pub absolute_limit_millis: i64,
    /// The new access token's expiry.
    pub access_expires_at: Timestamp,
    /// The time since which a replaced token may be presented again.
    pub repeat_since: Timestamp,
    /// The id of the event about the rotation.
    pub event: EventId,
}

/// The state of a presented token after a rotation was tried.
#[derive(Debug)]
pub struct RefreshTokenRow {
    /// True if this call replaced the token.
    pub rotated: bool,
    /// The session after the call.
    pub session: Session,
    /// The session's account.
    pub user: User,
    /// True if the session is revoked.
    pub revoked: bool,
    /// The token's expiry.
    pub expires_at: Timestamp,
    /// The hash of the token's successor, if the token was replaced.
    pub successor: Option<TokenHash>,
}

/// The outcome of a rotation.
#[derive(Debug)]
pub enum RotationOutcome {
    /// The token is one of the two newest of its session.
    Known(Box<RefreshTokenRow>),
    /// The token was reused, and this call revoked the session.
    Reused,
    /// The token is unknown, or its session was revoked or removed.
    Unknown,
}

/// The session of a refresh token, and its platform.
#[derive(Clone, Copy, Debug)]
pub struct TokenSession {
    /// The account and the session.
    pub caller: Caller,
    /// The platform of the sign-in.
    pub platform: Platform,
}

impl TryFrom<&Row> for TokenSession {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            caller: Caller {
                user: row.parsed("user_id", UserId::parse)?,
                session: row.parsed("session_id", SessionId::parse)?,
            },
            platform: row.parsed("platform", Platform::parse)?,
        })
    }
}

/// Returns the session of a refresh token, if the token can be rotated now or its rotation can be
/// repeated.
///
/// # Errors
/// [`StoreError`]
pub async fn session_of(
    db: &dyn Db,
    token: &TokenHash,
    repeat_since: Timestamp,
    now: Timestamp,
) -> Result<Option<TokenSession>, StoreError> {
    let select = sql(
        "SELECT s.id AS session_id, s.user_id, s.platform
           FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
          WHERE r.token_hash = ?1 AND r.expires_at > ?2 AND s.revoked_at IS NULL
            AND (r.replaced_by IS NULL OR r.replaced_at >= ?3)",
        [token.into(), now.into(), repeat_since.into()],
    );
    read_first(&run(db, select).await?)
}

/// Replaces the presented token with its successor, at most once. The whole batch takes effect, or
/// none of it.
///
/// Of concurrent callers exactly one gets `rotated`. None gets it after 200 rotations of the
/// session within a day, and then the token has no successor either.
///
/// # Errors
/// [`StoreError`]
pub async fn rotate(
    db: &dyn Db,
    rotation: &Rotation<'_>,
    context: &EventContext,
) -> Result<RotationOutcome, StoreError> {
    let now = context.at;
    // A reuse is detected first. The later statements then find the session revoked.
    let statements = [
        about_reuse(context, rotation),
        rotation.revoke_after_reuse(now),
        about_rotation(&context.with_id(rotation.event), rotation),
        rotation.replace(now),
        rotation.insert_successor(now),
        rotation.extend_session(now),
        select_row(rotation.presented),
    ];
    let [_, revoked, _, replaced, _, _, selected] = batch(db, statements).await?;

    if !revoked.is_empty() {
        return Ok(RotationOutcome::Reused);
    }
    let Some(row) = selected.first() else {
        return Ok(RotationOutcome::Unknown);
    };
    Ok(RotationOutcome::Known(Box::new(RefreshTokenRow {
        rotated: !replaced.is_empty(),
        session: Session::try_from(row)?,
        user: User::try_from(row)?,
        revoked: row.opt_time("revoked_at")?.is_some(),
        expires_at: row.time("expires_at")?,
        successor: row.opt_text("replaced_by")?.map(TokenHash::from_stored),
    })))
}

impl Rotation<'_> {
    /// Revokes the session if the presented token is reused. It is not reused if it was not
    /// replaced, or if it was replaced recently and its successor is unused.
    fn revoke_after_reuse(&self, now: Timestamp) -> Statement {
        sql(
            "UPDATE sessions SET revoked_at = ?2
              WHERE refresh_family = ?4 AND revoked_at IS NULL AND refresh_expires_at > ?2
                AND NOT EXISTS (
                    SELECT 1 FROM refresh_tokens AS r
                      LEFT JOIN refresh_tokens AS n ON n.token_hash = r.replaced_by
                     WHERE r.token_hash = ?1
                       AND (r.replaced_by IS NULL
                            OR (r.replaced_at >= ?3 AND n.replaced_by IS NULL
                                AND n.expires_at > ?2)))
             RETURNING id",
            [
                self.presented.into(),
                now.into(),
                self.repeat_since.into(),
                self.family.into(),
            ],
        )
    }

    /// Marks the presented token as replaced. Returns a row if it was not replaced before.
    fn replace(&self, now: Timestamp) -> Statement {
        sql(
            "UPDATE refresh_tokens SET replaced_by = ?2, replaced_at = ?3
              WHERE token_hash = ?1 AND replaced_by IS NULL AND expires_at > ?3
                AND EXISTS (SELECT 1 FROM sessions AS s
                             WHERE s.id = session_id AND s.revoked_at IS NULL
                               AND (s.refreshes < 200 OR s.refreshes_since <= ?4))
             RETURNING token_hash",
            [
                self.presented.into(),
                self.successor.into(),
                now.into(),
                now.minus(DAY).into(),
            ],
        )
    }

    /// Inserts the successor. It checks that this call replaced the token, because a batch goes on
    /// after a statement without rows. A repeat of the call finds the successor in the table.
    fn insert_successor(&self, now: Timestamp) -> Statement {
        sql(
            "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at)
             SELECT ?2, r.session_id, ?3, MIN(?4, s.created_at + ?5)
               FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
              WHERE r.token_hash = ?1 AND r.replaced_by = ?2 AND r.replaced_at = ?3
                AND s.revoked_at IS NULL
             ON CONFLICT DO NOTHING",
            [
                self.presented.into(),
                self.successor.into(),
                now.into(),
                self.refresh_expires_at.into(),
                self.absolute_limit_millis.into(),
            ],
        )
    }

    /// Extends the session, after the rotation and after a repeat within its window while the
    /// successor is unused.
    fn extend_session(&self, now: Timestamp) -> Statement {
        sql(
            "UPDATE sessions SET last_used_at = MAX(last_used_at, ?2),
                    access_expires_at = MAX(access_expires_at, MIN(?3, sessions.created_at + ?4)),
                    refresh_expires_at = n.expires_at,
                    refreshes = CASE WHEN r.replaced_at <> ?2 THEN refreshes
                                     WHEN refreshes_since > ?6 THEN refreshes + 1 ELSE 1 END,
                    refreshes_since = CASE WHEN refreshes_since > ?6 OR r.replaced_at <> ?2
                                           THEN refreshes_since ELSE ?2 END,
                    expires_at = MAX(COALESCE(token_expires_at, 0), n.expires_at)
               FROM refresh_tokens AS r JOIN refresh_tokens AS n ON n.token_hash = r.replaced_by
              WHERE r.token_hash = ?1 AND r.replaced_at >= ?5 AND n.replaced_by IS NULL
                AND sessions.id = r.session_id AND sessions.revoked_at IS NULL",
            [
                self.presented.into(),
                now.into(),
                self.access_expires_at.into(),
                self.absolute_limit_millis.into(),
                self.repeat_since.into(),
                now.minus(DAY).into(),
            ],
        )
    }
}

fn select_row(presented: &TokenHash) -> Statement {
    sql(
        concatcp!(
            "SELECT r.expires_at, r.replaced_by, sessions.revoked_at, ",
            SESSION_COLUMNS,
            ", ",
            USER_COLUMNS,
            " FROM refresh_tokens AS r
               JOIN sessions ON sessions.id = r.session_id
               JOIN users ON users.id = sessions.user_id
              WHERE r.token_hash = ?1"
        ),
        [presented.into()],
    )
}

/// Returns the statement that writes the event about a rotation.
fn about_rotation(context: &EventContext, rotation: &Rotation<'_>) -> Statement {
    events::event(
        concatcp!(
            INSERT_EVENT,
            "s.user_id, s.id FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
              WHERE r.token_hash = ?8 AND r.replaced_by IS NULL AND r.expires_at > ?2
                AND s.revoked_at IS NULL AND (s.refreshes < 200 OR s.refreshes_since <= ?9)"
        ),
        context,
        EventKind::TokensRefreshed,
        [rotation.presented.into(), context.at.minus(DAY).into()],
    )
}

/// Returns the statement that writes the event about a reused token.
fn about_reuse(context: &EventContext, rotation: &Rotation<'_>) -> Statement {
    events::event(
        concatcp!(
            INSERT_EVENT,
            "user_id, id FROM sessions
              WHERE refresh_family = ?10 AND revoked_at IS NULL AND refresh_expires_at > ?2
                AND NOT EXISTS (
                    SELECT 1 FROM refresh_tokens AS r
                      LEFT JOIN refresh_tokens AS n ON n.token_hash = r.replaced_by
                     WHERE r.token_hash = ?8
                       AND (r.replaced_by IS NULL
                            OR (r.replaced_at >= ?9 AND n.replaced_by IS NULL
                                AND n.expires_at > ?2)))"
        ),
        context,
        EventKind::RefreshTokenReused,
        [
            rotation.presented.into(),
            rotation.repeat_since.into(),
            rotation.family.into(),
        ],
    )
}

/// Removes expired refresh tokens, in a few batches. Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM refresh_tokens WHERE token_hash IN (
             SELECT token_hash FROM refresh_tokens
              WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
         RETURNING token_hash",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
