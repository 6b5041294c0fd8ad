//! Devices whose app Apple attests: their keys are registered, and prove on later requests that a token is used where it was issued.
//!
//! What an attestation and an assertion must hold is in [`super::app_attest`]; whose key it is and where its counter stands is decided by
//! the database. A sign-in keeps to the first key that it is used with, so a stolen token is of no use on another device
//! (docs/decisions/0022).

pub mod admit;
pub mod client;
pub mod register;
pub mod request_challenge;

use std::time::Duration;

/// How long a challenge for an attestation is good.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_mins(10);
/// How long a key that nobody used is kept.
pub const UNBOUND_KEPT: Duration = Duration::from_hours(30 * 24);
