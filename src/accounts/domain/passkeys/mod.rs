//! Passkeys: registered, used to sign in, listed, renamed, removed.
//!
//! A ceremony begins with a challenge that is kept and ends with taking it: deleted before anything
//! is verified, so that nothing can be tried twice. What the ceremony must hold is in
//! [`crate::accounts::domain::webauthn`]; what must be unique or current is decided by the
//! database.

pub mod aaguid;
pub mod decoy;
pub mod manage;
pub mod register;
pub mod sign_in;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::accounts::domain::Ports;
use crate::accounts::domain::steps::Refusal;
use crate::accounts::domain::webauthn::Expected;
use crate::accounts::domain::webauthn::cose::Algorithm;
use crate::accounts::model::config::Config;
use crate::accounts::store::challenges::{ChallengeKind, NewChallenge, TakenChallenge};
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::Descriptor;
use crate::kernel::domain::NoEntropy;
use crate::kernel::domain::failure::Fault;
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;

/// How long a ceremony may take.
pub const CEREMONY_LIFETIME: Duration = Duration::from_mins(5);
/// Longest name of a passkey, in characters.
pub const NAME_CHARS: usize = 64;
/// Characters of a challenge: they stand for 48 bytes and hold 381 bits.
const CHALLENGE_CHARS: usize = 64;
/// In both of base64's alphabets, so that a challenge is the same bytes whichever way a client
/// reads it (docs/decisions/0017).
const CHALLENGE_ALPHABET: &[u8; 62] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What a ceremony has to know when it is completed.
#[derive(Serialize, Deserialize)]
struct State {
    challenge: String,
    /// The id of the account to make.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The address of the account to make, or by which somebody signs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The name of the account to make.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What the passkey is to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

impl State {
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

/// A fresh challenge: 64 letters and digits from the CSPRNG, each as likely as any other.
fn fresh_challenge(ports: &Ports) -> Result<String, NoEntropy> {
    let mut challenge = String::with_capacity(CHALLENGE_CHARS);
    let mut bytes = [0; 96];
    while challenge.len() < CHALLENGE_CHARS {
        ports.entropy.fill(&mut bytes)?;
        // 248 is the largest multiple of 62 that fits: what is above would make some characters
        // likelier.
        let fair = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .filter_map(|byte| CHALLENGE_ALPHABET.get(usize::from(byte % 62)));
        let missing = CHALLENGE_CHARS - challenge.len();
        challenge.extend(fair.take(missing).map(|byte| char::from(*byte)));
    }
    Ok(challenge)
}

/// What a ceremony is held against.
fn expected<'a>(config: &'a Config, challenge: &'a str) -> Expected<'a> {
    Expected {
        rp_id: &config.rp_id,
        origins: &config.passkey_origins,
        challenge,
        algorithms: &Algorithm::OFFERED,
    }
}

/// A ceremony that was begun.
#[derive(Debug)]
pub struct Begun<T> {
    /// By which it is completed.
    pub challenge_id: ChallengeId,
    /// The challenge.
    pub challenge: String,
    /// What else the client has to know.
    pub options: T,
}

/// When a ceremony that begins now ends.
fn ends(now: Timestamp) -> Timestamp {
    now.plus(CEREMONY_LIFETIME)
}

/// Begins a ceremony of `kind` for an account: a challenge, and its passkeys. One round trip.
pub(super) async fn begin_for(
    ports: &Ports,
    kind: ChallengeKind,
    user: UserId,
) -> Result<Begun<Vec<Descriptor>>, Fault> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let state = State::new(fresh_challenge(ports)?);
    let written = state.write()?;
    let new = NewChallenge {
        id,
        kind,
        user: Some(user),
        state: &written,
        created_at: now,
        expires_at: ends(now),
    };
    let options = passkeys::begin_for(ports.db.as_ref(), &new, user).await?;
    Ok(Begun {
        challenge_id: id,
        challenge: state.challenge,
        options,
    })
}

/// No challenge was there to take.
const NO_CHALLENGE: Refusal = Refusal {
    step: 0,
    reason: "the challenge is unknown, used, expired, or of another ceremony or account",
};
