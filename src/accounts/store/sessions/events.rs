//! Events about sessions. Each has the condition of its change.

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::store::events::{INSERT_EVENT, INSERT_SUBJECT_EVENT, event};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::secret::TokenHash;
use crate::kernel::store::Statement;

/// Returns the event about a session that the batch created.
pub(super) fn about_new(context: &EventContext, kind: EventKind, session: SessionId) -> Statement {
    event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "user_id, id, passkey FROM sessions WHERE id = ?8"
        ),
        context,
        kind,
        [session.into()],
    )
}

/// Returns the event about the session of a session token, if it is not revoked.
pub(super) fn about_session_token(
    context: &EventContext,
    kind: EventKind,
    token: &TokenHash,
) -> Statement {
    event(
        concatcp!(
            INSERT_EVENT,
            "user_id, id FROM sessions WHERE token_hash = ?8 AND revoked_at IS NULL"
        ),
        context,
        kind,
        [token.into()],
    )
}

/// Returns the event about the session of the refresh tokens of a family, if the session is not
/// revoked.
pub(super) fn about_refresh_token(
    context: &EventContext,
    kind: EventKind,
    family: &TokenHash,
) -> Statement {
    event(
        concatcp!(
            INSERT_EVENT,
            "user_id, id FROM sessions WHERE refresh_family = ?8 AND revoked_at IS NULL"
        ),
        context,
        kind,
        [family.into()],
    )
}

/// Returns the event about all live sessions of the caller's account that have a token pair, if
/// there are any.
pub(super) fn about_token_pairs(context: &EventContext, by: Caller) -> Statement {
    event(
        concatcp!(
            INSERT_EVENT,
            "?8, NULL
              WHERE EXISTS (SELECT 1 FROM sessions
                             WHERE user_id = ?8 AND refresh_expires_at > ?2 AND revoked_at IS NULL)
                AND EXISTS (SELECT 1 FROM sessions AS s
                             WHERE s.id = ?9 AND s.user_id = ?8 AND s.revoked_at IS NULL)"
        ),
        context,
        EventKind::SignInRevoked,
        [by.user.into(), by.session.into()],
    )
}

/// Returns the event about all live sessions of the caller's account except the caller's own, if
/// there are any.
pub(in crate::accounts::store) fn about_others(context: &EventContext, by: Caller) -> Statement {
    event(
        concatcp!(
            INSERT_EVENT,
            "?8, NULL
              WHERE EXISTS (SELECT 1 FROM sessions WHERE user_id = ?8 AND id <> ?9
                               AND expires_at > ?2 AND revoked_at IS NULL)
                AND EXISTS (SELECT 1 FROM sessions AS s
                             WHERE s.id = ?9 AND s.user_id = ?8 AND s.revoked_at IS NULL)"
        ),
        context,
        EventKind::SignInRevoked,
        [by.user.into(), by.session.into()],
    )
}

/// Returns the event about a session of the caller's account that the caller revokes.
pub(super) fn about_revoked(context: &EventContext, by: Caller, session: SessionId) -> Statement {
    event(
        concatcp!(
            INSERT_EVENT,
            "user_id, id FROM sessions
              WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM sessions AS s
                             WHERE s.id = ?10 AND s.user_id = ?9 AND s.revoked_at IS NULL)"
        ),
        context,
        EventKind::SignInRevoked,
        [session.into(), by.user.into(), by.session.into()],
    )
}
