-- Attempts at what can be guessed: one row to a subject that somebody tried lately.

CREATE TABLE attempts (
    -- A way of guessing and whom it is tried on; an e-mail address only as a keyed hash.
    subject TEXT NOT NULL PRIMARY KEY,
    -- Attempts since the last success. Every one counts as a failure until a success forgives them.
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    -- When the next attempt may be made.
    free_at INTEGER NOT NULL
) STRICT;

-- For the sweep.
CREATE INDEX attempts_last_at ON attempts (last_at);
