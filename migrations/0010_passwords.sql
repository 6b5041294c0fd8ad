-- Passwords. An account has at most one.

CREATE TABLE passwords (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- A PHC string of Argon2id, or an imported hash in one of the stored forms of docs/PASSWORDS.md, which the next sign-in replaces.
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
    SELECT
        NEW.id, NEW.at, NEW.kind, NEW.user_id,
        (SELECT email FROM users WHERE id = NEW.user_id AND email NOT LIKE '%@people.invalid'),
        (SELECT email_verified FROM users WHERE id = NEW.user_id),
        (SELECT name FROM users WHERE id = NEW.user_id),
        NEW.session_id, NEW.subject, NEW.address, NEW.user_agent,
        urgent,
        -- The share of an account: 20 entries at once, and then ten a minute. Urgent entries do not wait.
        NEW.at + iif(urgent, 0, 6000 * MAX(0, waiting - 20)),
        0
      FROM (SELECT
        -- The first passkey of a new account names no session. An account has at most 20 urgent entries.
        NEW.kind IN ('recovered', 'passkey_added', 'passkey_removed', 'passkey_clone_suspected', 'refresh_token_reused', 'totp_enabled',
                     'totp_disabled', 'backup_codes_made', 'device_key_revoked', 'user_deleted', 'password_set', 'password_changed',
                     'password_removed', 'factors_removed')
            AND (NEW.kind <> 'passkey_added' OR NEW.session_id IS NOT NULL)
            AND (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE user_id = NEW.user_id AND urgent = 1 LIMIT 20)) < 20
            AS urgent,
        (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE user_id = NEW.user_id AND urgent = 0 LIMIT 1000)) AS waiting);
    -- Of the other entries of a kind the newest 50 of an account wait.
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE user_id = NEW.user_id AND urgent = 0 AND kind = NEW.kind
         ORDER BY rowid DESC LIMIT 2 OFFSET 50);
END;
