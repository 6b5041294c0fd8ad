-- A passkey stands in its own columns; nothing ever read the copy in the form of webauthn-rs, which can be written from them.

ALTER TABLE passkeys DROP COLUMN library;
