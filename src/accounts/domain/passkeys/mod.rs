//! Passkeys: registered, used to sign in, listed, renamed and removed.
//!
//! A ceremony begins by storing a challenge and ends by consuming it. The challenge is deleted
//! before the response is verified, so that a client has one attempt.
//! [`crate::accounts::domain::webauthn`] verifies the response. The database decides about
//! uniqueness and counters.

pub mod aaguid;
pub mod decoy;
pub mod manage;
pub mod register;
pub mod sign_in;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::accounts::domain::Ports;
use crate::accounts::domain::verification::report::Refusal;
use crate::accounts::domain::webauthn::Expected;
use crate::accounts::domain::webauthn::cose::Algorithm;
use crate::accounts::model::config::Config;
use crate::accounts::store::challenges::{ChallengeKind, NewChallenge, TakenChallenge};
use crate::accounts::store::passkeys;
pub use crate::accounts::store::passkeys::Descriptor;
use crate::kernel::domain::NoEntropy;
use crate::kernel::domain::failure::Fault;
use crate::kernel::model::config::Environment;
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;

/// The time limit of a ceremony.
pub const CEREMONY_LIFETIME: Duration = Duration::from_mins(5);
/// The maximum length of a passkey's name, in characters.
pub const NAME_CHARS: usize = 64;
/// The length of a challenge in characters. They stand for 48 bytes and hold 381 bits.
const CHALLENGE_CHARS: usize = 64;
/// The characters of a challenge. Both alphabets of base64 have them, so every client reads the
/// same bytes (docs/decisions/0017).
const CHALLENGE_ALPHABET: &[u8; 62] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The state of a ceremony between its two requests.
#[derive(Serialize, Deserialize)]
struct CeremonyState {
    challenge: String,
    /// The id of the account to create.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The e-mail address of the account to create, or of the sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The name of the account to create.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The name for the passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

impl CeremonyState {
    fn new(challenge: String) -> Self {
        Self {
            challenge,
            user: None,
            email: None,
            name: None,
            label: None,
        }
    }

    fn write(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::Broken(error.to_string()))
    }

    fn read(taken: &TakenChallenge) -> Result<Self, StoreError> {
        serde_json::from_str(&taken.state)
            .map_err(|_| StoreError::Broken("the state of a challenge cannot be read".to_owned()))
    }
}

/// Returns a new challenge: 64 letters and digits from the CSPRNG, all equally likely.
fn fresh_challenge(ports: &Ports) -> Result<String, NoEntropy> {
    let mut challenge = String::with_capacity(CHALLENGE_CHARS);
    let mut bytes = [0; 96];
    while challenge.len() < CHALLENGE_CHARS {
        ports.entropy.fill(&mut bytes)?;
        // 248 is the largest multiple of 62 that fits into a byte. Larger bytes would make some
        // characters more likely.
        let fair = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .filter_map(|byte| CHALLENGE_ALPHABET.get(usize::from(byte % 62)));
        let missing = CHALLENGE_CHARS - challenge.len();
        challenge.extend(fair.take(missing).map(|byte| char::from(*byte)));
    }
    Ok(challenge)
}

/// The RP id of a developer's machine, whose pages may have any port.
const LOOPBACK_RP_ID: &str = "localhost";

/// Returns the expectations that a ceremony is verified against.
fn ceremony_rules<'a>(config: &'a Config, challenge: &'a str) -> Expected<'a> {
    Expected {
        rp_id: &config.rp_id,
        origins: &config.passkey_origins,
        loopback: config.environment == Environment::Development && config.rp_id == LOOPBACK_RP_ID,
        challenge,
        algorithms: &Algorithm::OFFERED,
    }
}

/// A ceremony that has begun.
#[derive(Debug)]
pub struct PendingCeremony<T> {
    /// The id of the challenge, which completes the ceremony.
    pub challenge_id: ChallengeId,
    /// The challenge.
    pub challenge: String,
    /// The other options for the client.
    pub options: T,
}

/// Returns the expiry of a ceremony that begins now.
fn ceremony_expiry(now: Timestamp) -> Timestamp {
    now.plus(CEREMONY_LIFETIME)
}

/// Begins a ceremony of `kind` for an account. Returns a challenge and the passkeys of the account.
/// One round trip.
pub(super) async fn begin_for_account(
    ports: &Ports,
    kind: ChallengeKind,
    user: UserId,
) -> Result<PendingCeremony<Vec<Descriptor>>, Fault> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let state = CeremonyState::new(fresh_challenge(ports)?);
    let written = state.write()?;
    let new = NewChallenge {
        id,
        kind,
        user: Some(user),
        state: &written,
        created_at: now,
        expires_at: ceremony_expiry(now),
    };
    let options = passkeys::begin_for(ports.db.as_ref(), &new, user)
        .await?
        .ok_or(Fault::SignedOut)?;
    Ok(PendingCeremony {
        challenge_id: id,
        challenge: state.challenge,
        options,
    })
}

/// The refusal of a response without a valid challenge.
const NO_CHALLENGE: Refusal = Refusal {
    step: 0,
    reason: "the challenge is unknown, used, expired, or of another ceremony or account",
};
