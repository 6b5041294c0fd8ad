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

use super::app_attest::{Environment, TrustAnchor};
use crate::model::attest::{self, Settings};

/// How long a challenge for an attestation is good.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_mins(10);
/// How long a key that nobody used is kept.
pub const UNBOUND_KEPT: Duration = Duration::from_hours(30 * 24);

fn environment(settings: &Settings) -> Environment {
    match settings.environment {
        attest::Environment::Production => Environment::Production,
        attest::Environment::Development => Environment::Development,
    }
}

/// The roots that chains may lead to: Apple's, or the one that is configured for tests.
fn anchors(settings: &Settings) -> Vec<TrustAnchor> {
    let configured = settings.test_root.as_deref().and_then(TrustAnchor::from_pem);
    vec![configured.unwrap_or_else(TrustAnchor::apple)]
}
