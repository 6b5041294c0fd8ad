-- Further factors of an account: a TOTP secret and backup codes. And how a sign-in was made.

CREATE TABLE totp (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- AES-256-GCM under SECRETS_KEY, with the account as associated data.
    secret TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When the first code came; before, it is good for nothing.
    confirmed_at INTEGER,
    -- The newest step whose code was accepted: no step is accepted twice.
    last_step INTEGER NOT NULL
) STRICT;

-- What a key sealed begins with the key's id: finds what an older key sealed.
CREATE INDEX totp_secret ON totp (secret);

CREATE TABLE backup_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 over account and code, base64url.
    code_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (user_id, code_hash)
) STRICT;

-- Authentication methods (RFC 8176), separated by spaces.
ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT '';

-- Made by recovery, and no passkey was added since.
ALTER TABLE sessions ADD COLUMN recovering INTEGER NOT NULL DEFAULT 0 CHECK (recovering IN (0, 1));

-- The country that the edge saw, ISO 3166-1 alpha-2.
ALTER TABLE sessions ADD COLUMN country TEXT;
