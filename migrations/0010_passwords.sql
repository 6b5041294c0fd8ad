-- Passwords. An account has at most one.

CREATE TABLE passwords (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- A PHC string of Argon2id, or an imported bcrypt hash. The next sign-in replaces a bcrypt hash.
    hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- Webhooks report a change of a password before other events, as they do for other ways to sign in.
-- They do not report tokens of the authorization service, which people get every few minutes.
DROP TRIGGER events_to_outbox;

CREATE TRIGGER events_to_outbox AFTER INSERT ON events WHEN NEW.kind NOT IN ('tokens_refreshed', 'token_issued')
BEGIN
    INSERT INTO outbox (id, at, kind, user_id, email, email_verified, name, session_id, subject, address, user_agent, urgent, next_at, tries)
    VALUES (
        NEW.id, NEW.at, NEW.kind, NEW.user_id,
        (SELECT email FROM users WHERE id = NEW.user_id),
        (SELECT email_verified FROM users WHERE id = NEW.user_id),
        (SELECT name FROM users WHERE id = NEW.user_id),
        NEW.session_id, NEW.subject, NEW.address, NEW.user_agent,
        -- A new account's first passkey names no sign-in, and who fills the outbox with an account has no more of it told first.
        NEW.kind IN ('recovered', 'passkey_added', 'passkey_removed', 'passkey_clone_suspected', 'refresh_token_reused', 'totp_enabled',
                     'totp_disabled', 'backup_codes_made', 'device_key_revoked', 'user_deleted', 'password_set', 'password_changed',
                     'password_removed')
            AND (NEW.kind <> 'passkey_added' OR NEW.session_id IS NOT NULL)
            AND (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE user_id = NEW.user_id LIMIT 20)) < 20,
        NEW.at, 0
    );
END;
