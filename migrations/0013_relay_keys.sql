-- The keys of accounts for end-to-end encryption. All of them are public keys, or sealed by the account owner.

CREATE TABLE relay_keys (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Ed25519, 32 bytes, base64url.
    identity_key TEXT NOT NULL,
    -- X25519, 32 bytes, base64url.
    signed_prekey TEXT NOT NULL,
    -- Ed25519 by the identity key over the signed prekey, 64 bytes, base64url.
    signed_prekey_signature TEXT NOT NULL,
    -- The day on which the signed prekey was uploaded: whole days, in milliseconds.
    signed_prekey_day INTEGER NOT NULL,
    -- HMAC of the e-mail address under RELAY_EMAIL_KEY, base64url.
    email_hash TEXT
) STRICT;

-- The one-time prekeys that no account has got yet.
CREATE TABLE relay_prekeys (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Keys of 43 characters of base64url each, one after the other, at most 500. The first one is issued next.
    stock TEXT NOT NULL
) STRICT;

-- The post-quantum prekeys of accounts. An account without them has no row.
CREATE TABLE relay_pq_prekeys (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- 0: the last-resort prekey, which stays. From 1 on: a page of one-time prekeys that no account has got yet.
    number INTEGER NOT NULL,
    -- The characters of each key of the page.
    key_chars INTEGER NOT NULL,
    -- Keys of ML-KEM-768 or ML-KEM-1024, each followed by its signature by the identity key, base64url, one after the other. At most ten.
    stock TEXT NOT NULL,
    PRIMARY KEY (user_id, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER relay_pq_prekeys_empty AFTER UPDATE OF stock ON relay_pq_prekeys WHEN NEW.stock = ''
BEGIN
    DELETE FROM relay_pq_prekeys WHERE user_id = NEW.user_id AND number = NEW.number;
END;

-- Which one-time prekeys were uploaded before, issued ones too. An issued key is recognized by its hash.
CREATE TABLE relay_prekey_history (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    -- Hashes of 22 characters each, one after the other: the first 16 bytes of the SHA-256 of the key, base64url.
    hashes TEXT NOT NULL,
    -- The upload that changed the row last, for the other statements of its batch.
    last_upload TEXT NOT NULL,
    PRIMARY KEY (user_id, number)
) STRICT, WITHOUT ROWID;

-- An account keeps five rows of 4,000 hashes.
CREATE TRIGGER relay_prekey_history_quota AFTER INSERT ON relay_prekey_history
BEGIN
    DELETE FROM relay_prekey_history WHERE user_id = NEW.user_id AND number <= NEW.number - 5;
END;

-- The answers to requests for a one-time prekey that named an Idempotency-Key, for 24 hours.
CREATE TABLE relay_prekey_claims (
    -- A keyed hash of who asks, whom for and the Idempotency-Key: the row does not tell who asked.
    request TEXT NOT NULL PRIMARY KEY,
    -- Whose key it is.
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The claim that took the key, for the other statements of its batch.
    claim TEXT NOT NULL,
    prekey TEXT,
    -- A post-quantum prekey with its signature.
    pq_prekey TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_prekey_claims_user ON relay_prekey_claims (user_id);

CREATE INDEX relay_prekey_claims_created_at ON relay_prekey_claims (created_at);

-- How often something was done within an hour.
CREATE TABLE relay_counts (
    -- A keyed hash of what is counted and by whom.
    subject TEXT NOT NULL PRIMARY KEY,
    -- The hour, counted from 1970.
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX relay_counts_hour ON relay_counts (hour);

-- The account owner's keys, sealed under a secret that the server does not have.
CREATE TABLE relay_key_backups (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    -- At most 512 KiB, base64url.
    encrypted_data TEXT NOT NULL,
    -- 24 bytes, base64url.
    nonce TEXT NOT NULL,
    -- 16 bytes, base64url.
    salt TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
