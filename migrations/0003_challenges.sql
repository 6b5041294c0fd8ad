-- One-time challenges of ceremonies, typed, deleted when they are taken.

CREATE TABLE challenges (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX challenges_user ON challenges (user_id, created_at);

CREATE INDEX challenges_expires_at ON challenges (expires_at);
