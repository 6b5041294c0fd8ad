//! Black-box cases of the API. Every case runs natively in memory and, from `make test`, against the built Worker in workerd.

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

#[allow(dead_code, reason = "each test target uses its part")]
#[path = "../support/apple.rs"]
mod apple;
mod harness;

mod attempts;
mod authorization;
mod cost;
mod cpu;
mod cross_site;
mod device_bindings;
mod device_faults;
mod devices;
mod factor_faults;
mod factors;
mod faults;
mod forged;
mod guessing;
mod input;
mod internal;
mod passkeys;
mod passwords;
mod races;
mod rate_limits;
mod recovery;
mod routes;
mod service;
mod sessions;
mod step_up;
mod sweep;
mod timing;
mod tokens;
mod users;
mod webhooks;
