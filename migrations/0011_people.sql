-- People: accounts as the authorization service sees them, and the tokens it gives them.

CREATE TABLE people (
    -- Never used twice: a backend may remember it.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Compared to the letter by the authorization service.
    username TEXT NOT NULL,
    -- N: natural person, J: legal person.
    person_type TEXT CHECK (person_type IN ('N', 'J')),
    document_type TEXT CHECK (document_type IN ('DNI', 'CE', 'RUC')),
    document_number TEXT,
    CHECK ((document_type IS NULL) = (document_number IS NULL))
) STRICT;

CREATE UNIQUE INDEX people_user ON people (user_id);

CREATE UNIQUE INDEX people_username ON people (username);

-- The relay compares usernames without regard to the case of ASCII letters. Of several people the one with the lowest id has the name there.
CREATE INDEX people_username_folded ON people (lower(username), id);

CREATE UNIQUE INDEX people_document ON people (document_type, document_number) WHERE document_number IS NOT NULL;

CREATE TABLE person_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'service')),
    created_at INTEGER NOT NULL,
    -- A whole second: what is told in seconds is true to the second. Revoked tokens are deleted.
    expires_at INTEGER NOT NULL CHECK (expires_at % 1000 = 0)
) STRICT;

CREATE INDEX person_tokens_person ON person_tokens (person_id, kind);

-- A person has at most 100 tokens of a kind. A further one revokes the oldest.
CREATE TRIGGER person_tokens_quota AFTER INSERT ON person_tokens
BEGIN
    DELETE FROM person_tokens WHERE token_hash IN (
        SELECT token_hash FROM person_tokens WHERE person_id = NEW.person_id AND kind = NEW.kind
         ORDER BY rowid DESC LIMIT 2 OFFSET 100);
END;

CREATE INDEX person_tokens_expires_at ON person_tokens (expires_at);
