//! App Attest: attestations and assertions of a test authority, whole and with each step broken, and the command line.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    reason = "a test binary has no API, and panics are how it fails"
)]

#[allow(dead_code, reason = "each test target uses its part")]
#[path = "../support/apple.rs"]
mod apple;
mod attestations;
