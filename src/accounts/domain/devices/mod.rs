//! Devices whose app Apple attests: their keys are registered, and prove on later requests that a
//! token is used where it was issued.
//!
//! What an attestation and an assertion must hold is in [`crate::accounts::domain::app_attest`];
//! whose key it is and where its counter stands is decided by the database. A sign-in keeps to the
//! first key that it is used with, so a stolen token is of no use on another device
//! (docs/decisions/0022).

pub mod admit;
pub mod client;
pub mod register;
pub mod request_challenge;

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::model::attest::Mode;
use crate::accounts::store::device_bindings::BindingRules;
use crate::kernel::domain::NoEntropy;
use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;

/// How long a challenge for an attestation is good.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_mins(10);
/// How long a key that nobody used is kept.
pub const UNBOUND_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long after its owner proved who they are a sign-in gets its device by the first use.
pub const FIRST_USE: Duration = Duration::from_mins(10);
/// How long a key that was made or used does not have to make room for another one.
const LATELY: Duration = Duration::from_hours(1);

/// How keys and sign-ins are bound at `now`.
pub(super) fn binding(ports: &Ports, now: Timestamp) -> Result<BindingRules, NoEntropy> {
    Ok(BindingRules {
        strict: ports.config.attest.mode == Mode::Require,
        fresh_since: now.minus(FIRST_USE),
        recent_since: now.minus(LATELY),
        added_event: ports.id(EventId::from_random)?,
        revoked_event: ports.id(EventId::from_random)?,
    })
}
