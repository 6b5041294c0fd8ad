//! The condition that the caller's session is still live, for statements that check it themselves.

use crate::accounts::model::records::Caller;
use crate::kernel::store::{Statement, sql};

/// True while the session `?1` of the account `?2` is not revoked.
pub const IS_LIVE: &str = "EXISTS (
    SELECT 1 FROM sessions AS s WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)";

/// Selects the caller's session if it is not revoked.
///
/// This is the first statement of a batch in which every other statement has the same condition.
pub(super) fn select(by: Caller) -> Statement {
    sql(
        "SELECT id FROM sessions WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL",
        [by.session.into(), by.user.into()],
    )
}
