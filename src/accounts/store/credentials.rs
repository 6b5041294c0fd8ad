//! Whether the owner of an account set every way to sign in to it (the column `credentials_by`).

/// True if the account `users.id` has a way to sign in or to recover beside its password.
pub(crate) const HAS_OTHER_CREDENTIALS: &str = "(
    EXISTS (SELECT 1 FROM passkeys AS k WHERE k.user_id = users.id)
    OR EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = users.id)
    OR EXISTS (SELECT 1 FROM totp AS t
                WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM backup_codes AS b
                WHERE b.user_id = users.id AND b.used_at IS NULL))";
