//! The append-only event log. Its statements go into the batch of the change they tell about, before it,
//! and carry the same condition: so an event is written exactly when its change happens.

use super::{Statement, Value};
use crate::model::ids::{IdentityId, SessionId, UserId};
use crate::model::records::{EventKind, EventStamp};
use crate::model::secret::TokenHash;

/// The beginning of every event's statement: `?1` to `?7` are its stamp, and the rest says about whom and on which condition.
macro_rules! insert_event {
    ($about:literal) => {
        concat!(
            "INSERT INTO events (id, at, kind, actor, address, user_agent, request_id, user_id, session_id)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ",
            $about
        )
    };
}

fn event<const N: usize>(sql: &'static str, stamp: &EventStamp, kind: EventKind, about: [Value; N]) -> Statement {
    let stamped = [
        stamp.id.into(),
        stamp.at.into(),
        kind.as_str().into(),
        stamp.actor.as_str().into(),
        stamp.address.as_deref().into(),
        stamp.user_agent.as_deref().into(),
        stamp.request_id.as_str().into(),
    ];
    Statement { sql, params: stamped.into_iter().chain(about).collect() }
}

/// About an account that exists.
#[must_use]
pub fn about_user(stamp: &EventStamp, kind: EventKind, user: UserId) -> Statement {
    event(insert_event!("id, NULL FROM users WHERE id = ?8"), stamp, kind, [user.into()])
}

/// About an identity that this batch linked to an account other than `fresh`.
#[must_use]
pub fn about_linked_identity(stamp: &EventStamp, identity: IdentityId, fresh: UserId) -> Statement {
    let sql = insert_event!("user_id, NULL FROM identities WHERE id = ?8 AND user_id <> ?9");
    event(sql, stamp, EventKind::IdentityLinked, [identity.into(), fresh.into()])
}

/// About a sign-in that this batch made.
#[must_use]
pub fn about_new_session(stamp: &EventStamp, session: SessionId) -> Statement {
    event(insert_event!("user_id, id FROM sessions WHERE id = ?8"), stamp, EventKind::SignedIn, [session.into()])
}

/// About a sign-in of `user` that is not revoked.
#[must_use]
pub fn about_session(stamp: &EventStamp, kind: EventKind, user: UserId, session: SessionId) -> Statement {
    let sql = insert_event!("user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL");
    event(sql, stamp, kind, [session.into(), user.into()])
}

/// About the sign-in that a session token belongs to, if it is not revoked.
#[must_use]
pub fn about_session_token(stamp: &EventStamp, kind: EventKind, token: &TokenHash) -> Statement {
    event(insert_event!("user_id, id FROM sessions WHERE token_hash = ?8 AND revoked_at IS NULL"), stamp, kind, [token.into()])
}

/// About all sign-ins of `user` that have a pair and are live, if there are any.
#[must_use]
pub fn about_pairs(stamp: &EventStamp, kind: EventKind, user: UserId) -> Statement {
    let sql = insert_event!(
        "?8, NULL WHERE EXISTS (SELECT 1 FROM sessions WHERE user_id = ?8 AND refresh_expires_at > ?2 AND revoked_at IS NULL)"
    );
    event(sql, stamp, kind, [user.into()])
}

/// About the sign-in of a refresh token, under the condition on which the token can be replaced.
#[must_use]
pub fn about_refresh(stamp: &EventStamp, presented: &TokenHash) -> Statement {
    let sql = insert_event!(
        "s.user_id, s.id FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
          WHERE r.token_hash = ?8 AND r.replaced_by IS NULL AND r.expires_at > ?2 AND s.revoked_at IS NULL"
    );
    event(sql, stamp, EventKind::TokensRefreshed, [presented.into()])
}

/// The last word on an account that is about to be deleted: no address, no client, nothing personal.
#[must_use]
pub fn tombstone(stamp: &EventStamp, user: UserId) -> Statement {
    let bare = EventStamp { address: None, user_agent: None, ..stamp.clone() };
    about_user(&bare, EventKind::UserDeleted, user)
}

/// Removes what the log knows of an account, except its tombstone.
#[must_use]
pub fn forget(user: UserId) -> Statement {
    super::sql("DELETE FROM events WHERE user_id = ?1 AND kind <> ?2", [user.into(), EventKind::UserDeleted.as_str().into()])
}
