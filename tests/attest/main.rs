//! App Attest: attestations and assertions of a test authority, whole and with each step broken, and the command line.
