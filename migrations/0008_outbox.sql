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
    -- When it is tried next, and how often it was.
    next_at INTEGER NOT NULL,
    tries INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_next_at ON outbox (next_at);

-- For the sweep, which gives up what is too old.
CREATE INDEX outbox_at ON outbox (at);

-- A trigger, so that no change can write its event and forget the notice. A refresh is no news: it happens hourly on every device.
CREATE TRIGGER events_to_outbox AFTER INSERT ON events WHEN NEW.kind <> 'tokens_refreshed'
BEGIN
    INSERT INTO outbox (id, at, kind, user_id, email, email_verified, name, session_id, subject, address, user_agent, next_at, tries)
    VALUES (
        NEW.id, NEW.at, NEW.kind, NEW.user_id,
        (SELECT email FROM users WHERE id = NEW.user_id),
        (SELECT email_verified FROM users WHERE id = NEW.user_id),
        (SELECT name FROM users WHERE id = NEW.user_id),
        NEW.session_id, NEW.subject, NEW.address, NEW.user_agent, NEW.at, 0
    );
END;
