-- What is still to be told to the webhook: every event that is worth a notice, until it is delivered or given up.

CREATE TABLE outbox (
    -- The event's id, and the message's for its receiver.
    id TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- No foreign key: that an account was deleted must be told after it is gone, and so must what happened just before.
    user_id TEXT NOT NULL,
    -- Whom to write to, as it was when it happened.
    email TEXT,
    email_verified INTEGER,
    name TEXT,
    session_id TEXT,
    subject TEXT,
    address TEXT,
    user_agent TEXT,
    -- Told before all others: by these somebody learns in time that their account is used by somebody else.
    urgent INTEGER NOT NULL CHECK (urgent IN (0, 1)),
    -- When it is tried next, and how often it was.
    next_at INTEGER NOT NULL,
    tries INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_next_at ON outbox (urgent, next_at);

-- How many of an account wait.
CREATE INDEX outbox_user ON outbox (user_id, urgent, kind, at);

-- For the sweep, which gives up what is too old.
CREATE INDEX outbox_at ON outbox (at);

-- A trigger, so that no change can write its event and forget the notice. A refresh is no news: it happens hourly on every device.
CREATE TRIGGER events_to_outbox AFTER INSERT ON events WHEN NEW.kind <> 'tokens_refreshed'
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
                     'totp_disabled', 'backup_codes_made', 'device_key_revoked', 'user_deleted')
            AND (NEW.kind <> 'passkey_added' OR NEW.session_id IS NOT NULL)
            AND (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE user_id = NEW.user_id LIMIT 20)) < 20,
        NEW.at, 0
    );
END;
