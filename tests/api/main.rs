//! Black-box cases of the API. Every case runs natively in memory and, from `make test`, against
//! the built Worker in workerd.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test binary has no API, and panics are how it fails"
)]

#[allow(dead_code, unused_imports, reason = "each test target uses its part")]
#[path = "../support/apple/mod.rs"]
mod apple;
mod harness;

mod accounts;
mod app;
mod authorization;
mod kernel;
