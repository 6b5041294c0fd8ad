-- Keys that Apple attested: one to an installation of the app on a device.

CREATE TABLE attest_keys (
    -- SHA-256 of the public key, base64url; unique across accounts.
    id TEXT NOT NULL PRIMARY KEY,
    -- Whose device it is; nobody's until its first authenticated use.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- X9.62, uncompressed, base64url.
    public_key TEXT NOT NULL,
    app_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    counter INTEGER NOT NULL,
    -- Apple's receipt as it came, base64url: for asking Apple about the device one day.
    receipt TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    -- A revoked key stays, so that it stays revoked.
    revoked_at INTEGER
) STRICT;

CREATE INDEX attest_keys_user ON attest_keys (user_id, revoked_at, created_at);

-- For the sweep of keys that nobody ever used.
CREATE INDEX attest_keys_unbound ON attest_keys (COALESCE(last_used_at, created_at)) WHERE user_id IS NULL;

-- The key of the device that a sign-in belongs to: from its first use on, only this one is good for it.
ALTER TABLE sessions ADD COLUMN attest_key TEXT;

-- An account keeps the 100 keys that were revoked last.
CREATE TRIGGER attest_keys_quota AFTER UPDATE OF revoked_at ON attest_keys WHEN NEW.user_id IS NOT NULL
BEGIN
    DELETE FROM attest_keys WHERE id IN (
        SELECT id FROM attest_keys WHERE user_id = NEW.user_id AND revoked_at IS NOT NULL
         ORDER BY revoked_at DESC LIMIT 2 OFFSET 100);
END;
