-- What happened: who, what, when, from where. Written in the same batch as the change it tells about.

CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- No foreign keys: the log outlives what it tells about.
    user_id TEXT NOT NULL,
    session_id TEXT,
    actor TEXT NOT NULL,
    address TEXT,
    user_agent TEXT,
    request_id TEXT NOT NULL
) STRICT;

CREATE INDEX events_user ON events (user_id, at);

-- For the sweep, which removes one kind by its age.
CREATE INDEX events_kind ON events (kind, at);

-- Append-only: no row is ever changed. Rows go with their account, and by the quota below.
CREATE TRIGGER events_append_only BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

-- The log keeps the 100 newest events of each kind of an account (docs/LIMITS.md).
CREATE INDEX events_user_kind ON events (user_id, kind);

CREATE TRIGGER events_quota AFTER INSERT ON events
BEGIN
    DELETE FROM events WHERE rowid IN (
        SELECT rowid FROM events WHERE user_id = NEW.user_id AND kind = NEW.kind
         ORDER BY rowid DESC LIMIT 2 OFFSET 100);
END;
