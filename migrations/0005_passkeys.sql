-- Passkeys: the credentials that accounts registered (WebAuthn Level 3 §4, "credential record").

CREATE TABLE passkeys (
    -- The credential id, base64url; unique across accounts.
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- COSE, as the authenticator gave it, base64url: exported to the owner, and read by `passkey inspect-assertion`.
    public_key TEXT NOT NULL,
    -- The passkey as webauthn-rs writes it, JSON: the library verifies sign-ins with it. No statement looks inside. Its member
    -- `cred_id` is empty, because `id` above has it. Its members `counter`,
    -- `backup_eligible` and `backup_state` are those of the registration; the columns below are the current ones.
    library TEXT NOT NULL,
    counter INTEGER NOT NULL,
    -- A JSON list of hints.
    transports TEXT NOT NULL,
    aaguid TEXT NOT NULL,
    backup_eligible INTEGER NOT NULL CHECK (backup_eligible IN (0, 1)),
    backed_up INTEGER NOT NULL CHECK (backed_up IN (0, 1)),
    user_verified INTEGER NOT NULL CHECK (user_verified IN (0, 1)),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    CHECK (backup_eligible OR NOT backed_up)
) STRICT;

CREATE INDEX passkeys_user ON passkeys (user_id, created_at);

-- Which passkey made a sign-in: it ends with it.
ALTER TABLE sessions ADD COLUMN passkey TEXT;

-- Which passkey an event is about.
ALTER TABLE events ADD COLUMN subject TEXT;
