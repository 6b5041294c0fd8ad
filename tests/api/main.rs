//! Black-box cases of the API. Every case runs natively in memory and, from `make test`, against the built Worker in workerd.

#![allow(unreachable_pub, missing_docs, reason = "a test binary has no API")]

mod harness;

mod internal;
mod service;
mod sessions;
mod tokens;
mod users;
