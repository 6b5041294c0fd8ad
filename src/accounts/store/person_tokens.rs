//! Revocation of the authorization service's tokens when the session of their owner ends.

use crate::accounts::model::records::Caller;
use crate::kernel::store::{Statement, sql};

/// Revokes every token of the person who owns the account of the live session `by`.
///
/// Place this before the statement that ends the session.
#[must_use]
pub fn revoke_by(by: Caller) -> Statement {
    sql(
        "DELETE FROM person_tokens
          WHERE person_id = (SELECT id FROM people WHERE user_id = ?2)
            AND EXISTS (SELECT 1 FROM sessions AS s
                         WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)",
        [by.session.into(), by.user.into()],
    )
}
