//! The append-only event log. Its statements go into the batch of the change they tell about, before it,
//! and carry the same condition: so an event is written exactly when its change happens.

use super::{Statement, sql};
use crate::model::ids::{SessionId, UserId};
use crate::model::records::{EventKind, EventStamp};
use crate::model::secret::TokenHash;
use crate::model::time::Timestamp;

/// An event about an account that exists.
#[must_use]
pub fn about_user(stamp: &EventStamp, kind: EventKind, user: UserId) -> Statement {
    sql(
        "INSERT INTO events (id, at, kind, user_id, session_id, actor, address, user_agent, request_id)
         SELECT ?1, ?2, ?3, id, NULL, ?5, ?6, ?7, ?8 FROM users WHERE id = ?4",
        [
            stamp.id.into(),
            stamp.at.into(),
            kind.as_str().into(),
            user.into(),
            stamp.actor.as_str().into(),
            stamp.address.as_deref().into(),
            stamp.user_agent.as_deref().into(),
            stamp.request_id.as_str().into(),
        ],
    )
}

/// An event about a sign-in of `user` that is not revoked.
#[must_use]
pub fn about_session(stamp: &EventStamp, kind: EventKind, user: UserId, session: SessionId) -> Statement {
    sql(
        "INSERT INTO events (id, at, kind, user_id, session_id, actor, address, user_agent, request_id)
         SELECT ?1, ?2, ?3, user_id, id, ?6, ?7, ?8, ?9 FROM sessions WHERE id = ?5 AND user_id = ?4 AND revoked_at IS NULL",
        [
            stamp.id.into(),
            stamp.at.into(),
            kind.as_str().into(),
            user.into(),
            session.into(),
            stamp.actor.as_str().into(),
            stamp.address.as_deref().into(),
            stamp.user_agent.as_deref().into(),
            stamp.request_id.as_str().into(),
        ],
    )
}

/// An event about a sign-in that this batch made.
#[must_use]
pub fn about_new_session(stamp: &EventStamp, session: SessionId) -> Statement {
    sql(
        "INSERT INTO events (id, at, kind, user_id, session_id, actor, address, user_agent, request_id)
         SELECT ?1, ?2, ?3, user_id, id, ?5, ?6, ?7, ?8 FROM sessions WHERE id = ?4",
        [
            stamp.id.into(),
            stamp.at.into(),
            EventKind::SignedIn.as_str().into(),
            session.into(),
            stamp.actor.as_str().into(),
            stamp.address.as_deref().into(),
            stamp.user_agent.as_deref().into(),
            stamp.request_id.as_str().into(),
        ],
    )
}

/// An event about the live sign-in that a session token belongs to.
#[must_use]
pub fn about_session_token(stamp: &EventStamp, kind: EventKind, token: &TokenHash) -> Statement {
    sql(
        "INSERT INTO events (id, at, kind, user_id, session_id, actor, address, user_agent, request_id)
         SELECT ?1, ?2, ?3, user_id, id, ?5, ?6, ?7, ?8 FROM sessions WHERE token_hash = ?4 AND revoked_at IS NULL",
        [
            stamp.id.into(),
            stamp.at.into(),
            kind.as_str().into(),
            token.into(),
            stamp.actor.as_str().into(),
            stamp.address.as_deref().into(),
            stamp.user_agent.as_deref().into(),
            stamp.request_id.as_str().into(),
        ],
    )
}

/// An event about the sign-in of a refresh token, under the condition on which the token can be replaced.
#[must_use]
pub fn about_refresh(stamp: &EventStamp, kind: EventKind, presented: &TokenHash, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO events (id, at, kind, user_id, session_id, actor, address, user_agent, request_id)
         SELECT ?1, ?2, ?3, s.user_id, s.id, ?5, ?6, ?7, ?8
           FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
          WHERE r.token_hash = ?4 AND r.replaced_by IS NULL AND r.expires_at > ?9 AND s.revoked_at IS NULL",
        [
            stamp.id.into(),
            stamp.at.into(),
            kind.as_str().into(),
            presented.into(),
            stamp.actor.as_str().into(),
            stamp.address.as_deref().into(),
            stamp.user_agent.as_deref().into(),
            stamp.request_id.as_str().into(),
            now.into(),
        ],
    )
}

/// The last word on an account that is about to be deleted: no address, no client, nothing personal.
#[must_use]
pub fn tombstone(stamp: &EventStamp, user: UserId) -> Statement {
    sql(
        "INSERT INTO events (id, at, kind, user_id, session_id, actor, address, user_agent, request_id)
         SELECT ?1, ?2, ?3, id, NULL, ?5, NULL, NULL, ?6 FROM users WHERE id = ?4",
        [
            stamp.id.into(),
            stamp.at.into(),
            EventKind::UserDeleted.as_str().into(),
            user.into(),
            stamp.actor.as_str().into(),
            stamp.request_id.as_str().into(),
        ],
    )
}

/// Removes what the log knows of an account, except its tombstone.
#[must_use]
pub fn forget(user: UserId) -> Statement {
    sql("DELETE FROM events WHERE user_id = ?1 AND kind <> ?2", [user.into(), EventKind::UserDeleted.as_str().into()])
}
