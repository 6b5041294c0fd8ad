-- Sign-ins. One row carries a web session token, a pair of access and refresh token, or both.

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    -- No foreign key: the sessions of a deleted account are removed in slices (`deleted_users`). Every statement that inserts a
    -- session selects its account.
    user_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    user_agent TEXT,
    authenticated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    token_hash TEXT,
    token_expires_at INTEGER,
    access_expires_at INTEGER,
    refresh_expires_at INTEGER,
    -- SHA-256 of the part that all refresh tokens of the session share, base64url. A token with it that is not in `refresh_tokens`
    -- was replaced before.
    refresh_family TEXT,
    -- The refreshes since a time, for their limit a day.
    refreshes INTEGER NOT NULL DEFAULT 0,
    refreshes_since INTEGER,
    -- When nothing of the sign-in is live any more; from then on the sweep may remove it.
    expires_at INTEGER NOT NULL,
    -- Revoked rows stay until they expire, so that revoking twice is the same as revoking once.
    revoked_at INTEGER
) STRICT;

CREATE UNIQUE INDEX sessions_token_hash ON sessions (token_hash) WHERE token_hash IS NOT NULL;

CREATE UNIQUE INDEX sessions_refresh_family ON sessions (refresh_family) WHERE refresh_family IS NOT NULL;

-- The unrevoked sessions of an account by their age, and the revoked ones by their revocation.
CREATE INDEX sessions_user ON sessions (user_id, revoked_at, created_at);

CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- The quotas of all tables go by the order of insertion. A clock that was set back makes no new row the oldest.
-- An account keeps its 100 newest unrevoked sessions and its 100 last revoked ones (docs/LIMITS.md). Each insertion removes
-- at most two, so that the refresh tokens that go with them are bounded too.
CREATE TRIGGER sessions_quota AFTER INSERT ON sessions
BEGIN
    UPDATE sessions SET revoked_at = NEW.created_at WHERE id IN (
        SELECT id FROM sessions WHERE user_id = NEW.user_id AND revoked_at IS NULL
         ORDER BY rowid DESC LIMIT 2 OFFSET 100);
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE user_id = NEW.user_id AND revoked_at IS NOT NULL
         ORDER BY revoked_at DESC LIMIT 2 OFFSET 100);
END;

-- The newest refresh token of a session, and the one that it replaced, which a client that lost the answer presents again.
CREATE TABLE refresh_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The successor's hash. No foreign key: it is set in the statement before the one that inserts the successor.
    replaced_by TEXT,
    replaced_at INTEGER
) STRICT;

-- A sign-in has one live refresh token at most: the engine itself refuses a fork.
CREATE UNIQUE INDEX refresh_tokens_live ON refresh_tokens (session_id) WHERE replaced_by IS NULL;

CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

-- A session keeps two refresh tokens. Older ones are recognised by `sessions.refresh_family`.
CREATE TRIGGER refresh_tokens_quota AFTER INSERT ON refresh_tokens
BEGIN
    DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT token_hash FROM refresh_tokens WHERE session_id = NEW.session_id
         ORDER BY rowid DESC LIMIT 2 OFFSET 2);
END;
