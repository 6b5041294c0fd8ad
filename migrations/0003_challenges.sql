-- One-time challenges of ceremonies, typed, deleted when they are taken.

CREATE TABLE challenges (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX challenges_user ON challenges (user_id);

CREATE INDEX challenges_expires_at ON challenges (expires_at);

-- An account has at most 50 challenges. A further one removes the oldest.
CREATE TRIGGER challenges_quota AFTER INSERT ON challenges WHEN NEW.user_id IS NOT NULL
BEGIN
    DELETE FROM challenges WHERE id IN (
        SELECT id FROM challenges WHERE user_id = NEW.user_id
         ORDER BY rowid DESC LIMIT 2 OFFSET 50);
END;
