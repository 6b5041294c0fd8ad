//! Verifying an assertion: `WebAuthn` Level 3 §7.2, each step by its number.
//!
//! Our own code takes steps 3 to 14 and compares to the letter. webauthn-rs then verifies the
//! sign-in as a whole, and its verdict decides steps 15 to 21. Our own code takes these steps too
//! if the library cannot read the response, and after a refusal of the library, to find the reason.

use sha2::{Digest, Sha256};

use crate::accounts::domain::verification::report::{CheckList, Report};
use crate::accounts::domain::webauthn::authenticator_data::{self, AuthData, DEMANDS, Flags};
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::domain::webauthn::library::{self, StoredPasskey, Verdict};
use crate::accounts::domain::webauthn::{Expected, client_data};

const ELIGIBILITY: &str = "BE is what it was at registration";
const HASH: &str = "the hash of clientDataJSON is computed";
const SIGNATURE: &str = "the signature verifies";

/// The passkey that answers, and its owner, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub struct StoredCredential<'a> {
    /// The passkey as webauthn-rs keeps it.
    pub passkey: &'a StoredPasskey,
    /// The stored counter, if it is known.
    pub counter: Option<u32>,
    /// Whether the passkey may be backed up, if it is known.
    pub backup_eligible: Option<bool>,
    /// Whether the passkey is among the allowed ones; `None` if there was no such list.
    pub allowed: Option<bool>,
    /// The owner's user handle, if it is known.
    pub user_handle: Option<&'a [u8]>,
}

/// The content of an assertion.
#[derive(Clone, Debug)]
pub struct VerifiedAssertion {
    /// The flags.
    pub flags: Flags,
    /// The authenticator's counter.
    pub counter: u32,
    /// Whether the counter is greater than the stored one, or both are zero (step 22). The database
    /// decides again when it writes the counter.
    pub counter_moved_on: bool,
}

/// Verifies an assertion. The client takes steps 1 to 3; step 24 needs the database.
///
/// A counter that went back is part of the result and not a failed step: the caller records it.
#[must_use]
pub fn verify(
    response: &AuthenticationResponse,
    expected: &Expected<'_>,
    known: &StoredCredential<'_>,
) -> Report<VerifiedAssertion> {
    let mut steps = CheckList::default();
    let asserted = take_steps(&mut steps, response, expected, known);
    Report::new(steps, asserted)
}

fn take_steps(
    steps: &mut CheckList,
    response: &AuthenticationResponse,
    expected: &Expected<'_>,
    known: &StoredCredential<'_>,
) -> Option<VerifiedAssertion> {
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
    // Steps 8 to 14. The later steps are taken even if one of these fails, so that the report
    // is complete and the time of a refusal stays the same.
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
    // Every path below verifies one signature, so that the time of a refusal does not tell which
    // credentials exist.
    let eligible = known
        .backup_eligible
        .unwrap_or(data.flags.backup_eligible());
    match library::authenticate(response, expected, known.passkey, eligible) {
        Verdict::Verified => {
            let from_15_on = DEMANDS.into_iter().chain([ELIGIBILITY, HASH, SIGNATURE]);
            for (number, demand) in (15..).zip(from_15_on) {
                steps.passed(number, demand, "by webauthn-rs".to_owned());
            }
        }
        Verdict::WrongSignature => own_steps(steps, &data, expected, known, false),
        Verdict::NotRead => own_steps(steps, &data, expected, known, verifies(response, known)),
        Verdict::Refused(reason) => {
            own_steps(steps, &data, expected, known, verifies(response, known));
            // The library's refusal counts even if every step of ours passes.
            if !steps.failed() {
                steps.check(
                    21,
                    "webauthn-rs accepts the sign-in",
                    false,
                    "webauthn-rs refuses the sign-in",
                    || Some(reason),
                );
            }
        }
    }
    let algorithm = known.passkey.algorithm;
    let offered = expected.algorithms.contains(&algorithm);
    steps.check(
        21,
        "the key's algorithm is accepted",
        offered,
        "an algorithm that is not accepted",
        || Some(format!("{} ({})", algorithm.name(), algorithm.number())),
    );
    let counter_moved_on = counter_moved_on(data.counter, known.counter.unwrap_or_default());
    Some(VerifiedAssertion {
        flags: data.flags,
        counter: data.counter,
        counter_moved_on,
    })
}

/// Takes steps 15 to 21. `verified` says whether the signature verifies.
fn own_steps(
    steps: &mut CheckList,
    data: &AuthData,
    expected: &Expected<'_>,
    known: &StoredCredential<'_>,
    verified: bool,
) {
    authenticator_data::check(steps, 15, data, expected);
    match known.backup_eligible {
        Some(before) => {
            steps.check(
                19,
                ELIGIBILITY,
                before == data.flags.backup_eligible(),
                "backup eligibility changed",
                || Some(format!("flags {:#04x}", data.flags.0)),
            );
        }
        None => steps.passed(19, ELIGIBILITY, "not known here".to_owned()),
    }
    steps.passed(20, HASH, None);
    steps.check(
        21,
        SIGNATURE,
        verified,
        "the signature is not by this credential's key",
        || None,
    );
}

fn verifies(response: &AuthenticationResponse, known: &StoredCredential<'_>) -> bool {
    let mut signed = response.authenticator_data.clone();
    signed.extend_from_slice(&Sha256::digest(&response.client_data_json));
    known.passkey.verifies(&signed, &response.signature)
}

/// Returns true if step 22 passes: both counters are zero, or the new counter is greater.
#[must_use]
pub const fn counter_moved_on(asserted: u32, before: u32) -> bool {
    asserted > before || (asserted == 0 && before == 0)
}

fn user_handle_step(
    steps: &mut CheckList,
    response: &AuthenticationResponse,
    known: &StoredCredential<'_>,
) {
    let demand = "the user handle is the owner's";
    match (&response.user_handle, known.user_handle) {
        (Some(handle), Some(owner)) => steps.check(
            6,
            demand,
            handle == owner,
            "the user handle of another account",
            || None,
        ),
        (Some(_), None) => steps.passed(6, demand, "the owner is not known here".to_owned()),
        // Without an allow list the request named no account, so the authenticator must name it.
        (None, Some(_)) => {
            steps.check(
                6,
                demand,
                known.allowed.is_some(),
                "no user handle, and no account was named",
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
