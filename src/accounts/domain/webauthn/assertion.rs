//! Verifying an assertion: `WebAuthn` Level 3 §7.2, each step by its number.

use sha2::{Digest, Sha256};

use crate::accounts::domain::steps::{Report, Steps};
use crate::accounts::domain::webauthn::authenticator_data;
use crate::accounts::domain::webauthn::authenticator_data::{AuthData, Flags};
use crate::accounts::domain::webauthn::cose::PublicKey;
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::domain::webauthn::{Expected, client_data};

/// What is known of the credential that answers, and of its owner.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its public key.
    pub public_key: &'a PublicKey,
    /// Where its counter stood, if it is known.
    pub counter: Option<u32>,
    /// Whether it may be backed up, if it is known.
    pub backup_eligible: Option<bool>,
    /// Whether it is among the allowed ones; `None` if there was no such list.
    pub allowed: Option<bool>,
    /// Its owner's user handle, if it is known.
    pub user_handle: Option<&'a [u8]>,
}

/// What an assertion says.
#[derive(Clone, Debug)]
pub struct Asserted {
    /// Flags.
    pub flags: Flags,
    /// Where the authenticator's counter stands.
    pub counter: u32,
    /// Whether the counter moved on, or both are zero (step 22). The database decides again, where the counter stands then.
    pub counter_moved_on: bool,
}

/// Holds an assertion against what is expected and known. Steps 1 to 3 are the client's; 24 needs the database.
///
/// Step 22 is told in the result and does not fail here: a counter that went back must be recorded, not only refused.
#[must_use]
pub fn verify(
    response: &AuthenticationResponse,
    expected: &Expected<'_>,
    known: &Known<'_>,
) -> Report<Asserted> {
    let mut steps = Steps::default();
    let asserted = take_steps(&mut steps, response, expected, known);
    Report::new(steps, asserted)
}

fn take_steps(
    steps: &mut Steps,
    response: &AuthenticationResponse,
    expected: &Expected<'_>,
    known: &Known<'_>,
) -> Option<Asserted> {
    steps.read(
        3,
        "the response is of a public key credential",
        response.check(),
    );
    steps.passed(
        4,
        "clientExtensionResults are taken",
        "nothing depends on them".to_owned(),
    );
    match known.allowed {
        Some(allowed) => steps.check(
            5,
            "the credential is in the allow list",
            allowed,
            "a credential that was not asked for",
            || None,
        ),
        None => steps.passed(
            5,
            "the credential is in the allow list",
            "there was no list".to_owned(),
        ),
    }
    user_handle_step(steps, response, known);
    // Steps 8 to 14. What follows is looked at also if one of them failed, so that the report is whole.
    client_data::check(
        steps,
        8,
        &response.client_data_json,
        "webauthn.get",
        expected,
    );
    let data = steps.read(
        15,
        "authenticatorData can be read",
        authenticator_data::parse_assertion(&response.authenticator_data),
    )?;
    authenticator_data::check(steps, 15, &data, expected);
    backup_step(steps, &data, known);
    steps.passed(20, "the hash of clientDataJSON is computed", None);
    let offered = expected.algorithms.contains(&known.public_key.algorithm);
    steps.check(
        21,
        "the key's algorithm is accepted",
        offered,
        "an algorithm that is not accepted",
        || {
            Some(format!(
                "{} ({})",
                known.public_key.algorithm.name(),
                known.public_key.algorithm.number()
            ))
        },
    );
    let mut signed = response.authenticator_data.clone();
    signed.extend_from_slice(&Sha256::digest(&response.client_data_json));
    let verified = known.public_key.verifies(&signed, &response.signature);
    steps.check(
        21,
        "the signature verifies",
        verified,
        "the signature is not by this credential's key",
        || None,
    );
    Some(Asserted {
        flags: data.flags,
        counter: data.counter,
        counter_moved_on: counter_moved_on(data.counter, known.counter.unwrap_or_default()),
    })
}

/// Step 22: both zero, or greater than before.
#[must_use]
pub const fn counter_moved_on(asserted: u32, before: u32) -> bool {
    asserted > before || (asserted == 0 && before == 0)
}

fn user_handle_step(steps: &mut Steps, response: &AuthenticationResponse, known: &Known<'_>) {
    let demand = "the user handle is the owner's";
    match (&response.user_handle, known.user_handle) {
        (Some(handle), Some(owner)) => steps.check(
            6,
            demand,
            handle == owner,
            "somebody else's user handle",
            || None,
        ),
        (Some(_), None) => steps.passed(6, demand, "the owner is not known here".to_owned()),
        // Without a list nobody was named, so the authenticator must say who it is.
        (None, Some(_)) => {
            steps.check(
                6,
                demand,
                known.allowed.is_some(),
                "no user handle, and nobody was named",
                || None,
            );
        }
        (None, None) => steps.passed(
            6,
            demand,
            "none was given, and the owner is not known here".to_owned(),
        ),
    }
}

fn backup_step(steps: &mut Steps, data: &AuthData, known: &Known<'_>) {
    let demand = "BE is what it was at registration";
    match known.backup_eligible {
        Some(before) => {
            steps.check(
                19,
                demand,
                before == data.flags.backup_eligible(),
                "backup eligibility changed",
                || Some(format!("flags {:#04x}", data.flags.0)),
            );
        }
        None => steps.passed(19, demand, "not known here".to_owned()),
    }
}
