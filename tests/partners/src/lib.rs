//! Libraries of clients seal messages over the relay, which is the server at `RELAY_URL`.
//!
//! `tests/workerd/partners.test.mjs` starts both targets and runs these cases against each.

#![cfg(test)]

mod mls;
mod mls_client;
mod olm;
mod relay;
