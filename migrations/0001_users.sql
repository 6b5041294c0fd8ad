-- Accounts, and the identities at providers by which they are found.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_verified INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    name TEXT,
    picture TEXT,
    auth_method TEXT NOT NULL,
    provider TEXT,
    provider_id TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login_at INTEGER,
    last_login_platform TEXT,
    -- Who set a way to sign in that the owner did not: the account of another person, 'operator', or 'unproved' if it is unknown
    -- whose the other ways to sign in are. NULL while the owner set them all.
    credentials_by TEXT
) STRICT;

-- An address is verified for one account at most; that it is merely claimed binds nobody.
CREATE UNIQUE INDEX users_verified_email ON users (email) WHERE email_verified = 1;

-- The account that has verified an address comes first, and then the oldest account that claims it.
CREATE INDEX users_email ON users (email, email_verified DESC, created_at);

CREATE TABLE identities (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX identities_subject ON identities (provider, provider_id);

CREATE INDEX identities_user ON identities (user_id);

-- An account keeps its 200 newest identities (docs/LIMITS.md). A sign-in adds a removed one again, because the provider verifies the address.
CREATE TRIGGER identities_quota AFTER INSERT ON identities
BEGIN
    DELETE FROM identities WHERE rowid IN (
        SELECT rowid FROM identities WHERE user_id = NEW.user_id
         ORDER BY rowid DESC LIMIT 2 OFFSET 200);
END;

-- Deleted accounts with sessions, refresh tokens or events that are not removed yet.
CREATE TABLE deleted_users (
    user_id TEXT NOT NULL PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) STRICT;

CREATE INDEX deleted_users_deleted_at ON deleted_users (deleted_at);
