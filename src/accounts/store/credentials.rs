//! Whether the owner of an account set every way to sign in to it (the column `credentials_by`).

use const_format::concatcp;

use crate::accounts::model::records::Caller;
use crate::accounts::store::live::IS_LIVE;
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Statement, sql};

/// True if the account `users.id` has a way to sign in or to recover beside its password.
pub(crate) const HAS_OTHER_CREDENTIALS: &str = "(
    EXISTS (SELECT 1 FROM passkeys AS k WHERE k.user_id = users.id)
    OR EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = users.id)
    OR EXISTS (SELECT 1 FROM totp AS t
                WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM backup_codes AS b
                WHERE b.user_id = users.id AND b.used_at IS NULL))";

/// Notes that the owner set the password of the account.
///
/// This covers the password alone: while a passkey or a factor exists that was added under the
/// password of another person, the account keeps the note about that person.
#[must_use]
pub fn note_own_password(user: UserId) -> Statement {
    sql(
        concatcp!(
            "UPDATE users SET credentials_by = NULL
              WHERE id = ?1 AND credentials_by IS NOT NULL AND NOT ",
            HAS_OTHER_CREDENTIALS
        ),
        [user.into()],
    )
}

/// Like [`note_own_password`], for the account of the caller, if the session of the caller is live.
pub(super) fn note_own_password_by(by: Caller) -> Statement {
    sql(
        concatcp!(
            "UPDATE users SET credentials_by = NULL
              WHERE id = ?2 AND credentials_by IS NOT NULL AND NOT ",
            HAS_OTHER_CREDENTIALS,
            " AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into()],
    )
}
