//! App Attest: attestations and assertions of a test authority, valid and with each step broken,
//! and the command line.

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

#[allow(dead_code, unused_imports, reason = "each test target uses its part")]
#[path = "../support/apple/mod.rs"]
mod apple;
mod assertions;
mod attestations;
mod command_line;
mod seeds;

/// The application id.
const APP: &str = "UR6RM9YCF7.app.hamrah.ios";
/// Another application id of the team.
const OTHER_APP: &str = "UR6RM9YCF7.app.hamrah.other";
/// The SHA-256 of the signed data.
const HASH: [u8; 32] = [5; 32];
/// The time of verification, in seconds since 1970.
const AT: i64 = 1_790_000_000;
