//! Devices whose app Apple attests. Their keys are registered and prove on later requests that a
//! token is used on the device that it was issued to.
//!
//! [`crate::accounts::domain::app_attest`] checks attestations and assertions. The database decides
//! about the owner of a key and its counter. A session is bound to the first key that it is used
//! with, so a stolen token is useless on another device (docs/decisions/0022).

pub mod assertion_check;
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

/// The lifetime of a challenge for an attestation.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_mins(10);
/// How long a key without an account is kept.
pub const UNBOUND_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long after its authentication a session is bound to the first device that uses it.
pub const FIRST_USE: Duration = Duration::from_mins(10);
/// How long a new or used key is not removed in favour of another key.
const RECENTLY: Duration = Duration::from_hours(1);

/// Returns the rules by which keys and sessions are bound at `now`.
pub(super) fn binding_rules(ports: &Ports, now: Timestamp) -> Result<BindingRules, NoEntropy> {
    Ok(BindingRules {
        strict: ports.config.attest.mode == Mode::Require,
        fresh_since: now.minus(FIRST_USE),
        recent_since: now.minus(RECENTLY),
        added_event: ports.id(EventId::from_random)?,
        revoked_event: ports.id(EventId::from_random)?,
    })
}
