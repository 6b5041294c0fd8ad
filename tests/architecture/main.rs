//! The rules of the house that no compiler checks: who may import whom, what a layer may know,
//! names, sizes, and that generated files are fresh.

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

mod circles;
mod generated;
mod imports;
mod names;
mod sizes;
mod sources;
mod systems;
