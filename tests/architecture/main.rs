//! The rules of the repository that no compiler checks: imports between systems and layers, words
//! that a layer must not use, names, sizes, and generated files that are up to date.

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
mod limits;
mod names;
mod sizes;
mod sources;
mod systems;
