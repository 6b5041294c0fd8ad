//! The append-only event log.
//!
//! The statement of an event precedes its change in the same batch, and has the condition of the
//! change. So an event is written exactly when its change happens.

use const_format::concatcp;

use crate::kernel::model::events::{Event, EventContext, EventKind};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, Value, read_all, remove_in_batches, run, sql,
};

/// The beginning of an event's statement. `?1` to `?7` are the event's context and kind. The caller
/// appends the account, the session and the condition.
pub(super) const INSERT_EVENT: &str = "INSERT INTO events
    (id, at, kind, actor, address, user_agent, request_id, user_id, session_id)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ";

/// Like [`INSERT_EVENT`], for an event about a passkey or a device's key. The caller appends the
/// account, the session, the subject and the condition.
pub(super) const INSERT_SUBJECT_EVENT: &str = "INSERT INTO events
    (id, at, kind, actor, address, user_agent, request_id, user_id, session_id, subject)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ";

/// The beginning of an event's statement about the caller's account, if the session of the caller is
/// live. `?8` and `?9` are the session and the account. The caller appends a further condition.
pub const INSERT_EVENT_OF_CALLER: &str = concatcp!(
    INSERT_EVENT,
    "s.user_id, s.id FROM sessions AS s
      WHERE s.id = ?8 AND s.user_id = ?9 AND s.revoked_at IS NULL AND "
);

/// Returns the statement of an event. Its text begins with [`INSERT_EVENT`] or
/// [`INSERT_SUBJECT_EVENT`], and `about` holds the values of `?8`, `?9` and so on.
#[must_use]
pub fn event<const N: usize>(
    sql: &'static str,
    context: &EventContext,
    kind: EventKind,
    about: [Value; N],
) -> Statement {
    let first = [
        context.id.into(),
        context.at.into(),
        kind.as_str().into(),
        context.actor.as_str().into(),
        context.address.as_deref().into(),
        context.user_agent.as_deref().into(),
        context.request_id.as_str().into(),
    ];
    Statement {
        sql,
        params: first.into_iter().chain(about).collect(),
    }
}

/// Returns the event about an account, if the account exists.
#[must_use]
pub fn about_user(context: &EventContext, kind: EventKind, user: UserId) -> Statement {
    event(
        concatcp!(INSERT_EVENT, "id, NULL FROM users WHERE id = ?8"),
        context,
        kind,
        [user.into()],
    )
}

/// Returns the event about a session of `user`, if the session is not revoked.
#[must_use]
pub fn about_session(
    context: &EventContext,
    kind: EventKind,
    user: UserId,
    session: SessionId,
) -> Statement {
    event(
        concatcp!(
            INSERT_EVENT,
            "user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL"
        ),
        context,
        kind,
        [session.into(), user.into()],
    )
}

/// The place in the log at which a page of events ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventCursor {
    /// The time of the page's last event.
    pub at: Timestamp,
    /// The id of the page's last event. Several events may have the same time.
    pub id: EventId,
}

/// Lists events of an account, newest first, and those of the same millisecond in the reverse order
/// of insertion. With `before`, lists only the events before that place.
///
/// # Errors
/// [`StoreError`]
pub async fn list(
    db: &dyn Db,
    user: UserId,
    before: Option<EventCursor>,
    most: i64,
) -> Result<Vec<Event>, StoreError> {
    // Without a place, the largest time that JavaScript can hold.
    let at = before.map_or(Timestamp::from_millis((1 << 53) - 1), |place| place.at);
    let select = sql(
        "SELECT id, at, kind, session_id, subject, address, user_agent FROM events
          WHERE user_id = ?1 AND at <= ?2
            AND (at < ?2 OR rowid < (SELECT rowid FROM events WHERE id = ?3))
          ORDER BY at DESC, rowid DESC LIMIT ?4",
        [
            user.into(),
            at.into(),
            before.map(|place| place.id).into(),
            most.into(),
        ],
    );
    read_all(&run(db, select).await?)
}

impl TryFrom<&Row> for Event {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id", EventId::parse)?,
            at: row.time("at")?,
            kind: row.text("kind")?,
            session_id: row.opt_text("session_id")?,
            subject: row.opt_text("subject")?,
            address: row.opt_text("address")?,
            user_agent: row.opt_text("user_agent")?,
        })
    }
}

/// Removes events of `kind` from before `before`, in a few batches. Returns their number.
///
/// This is for kinds that occur every few minutes. They are most of the log, and after some weeks
/// they add nothing to the other events of the session.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(
    db: &dyn Db,
    kind: EventKind,
    before: Timestamp,
) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM events WHERE id IN (
             SELECT id FROM events WHERE kind = ?1 AND at < ?2 ORDER BY at LIMIT ?3)
         RETURNING id",
        [kind.as_str().into(), before.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
