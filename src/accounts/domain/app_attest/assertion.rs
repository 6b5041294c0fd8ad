//! Verifying an assertion: the six steps of "Validating apps that connect to your server", each by
//! its number.

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};

use crate::accounts::domain::app_attest::{authenticator_data, object};
use crate::accounts::domain::verification::report::{CheckList, Report};
use crate::kernel::model::base64;

/// The expectations that an assertion is verified against.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedAssertion<'a> {
    /// The attested key: an X9.62 point, uncompressed.
    pub public_key: &'a [u8],
    /// The application that attested it.
    pub app_id: &'a str,
    /// The bytes that the app gave to the device as the hash of its client data. The server expects
    /// the SHA-256 of the client data.
    pub client_data_hash: &'a [u8],
    /// The stored counter of the key.
    pub previous_counter: u32,
    /// The accepted ways to install the app. An empty list accepts all.
    pub categories: &'a [u32],
}

/// The content of a verified assertion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AssertedUse {
    /// The counter of the key. The database compares it again when it writes it.
    pub counter: u32,
    /// The version of the application, since iOS 27.
    pub bundle_version: Option<String>,
    /// The way in which the app was installed, since iOS 27; see
    /// [`crate::accounts::domain::app_attest::authenticator_data::Extensions`].
    pub validation_category: Option<u32>,
}

/// Verifies an assertion. Checks before Apple's first step have the number 0. The calling use case
/// takes step 6, the challenge in the client data.
#[must_use]
pub fn verify(bytes: &[u8], expected: &ExpectedAssertion<'_>) -> Report<AssertedUse> {
    let mut steps = CheckList::default();
    let asserted = take_steps(&mut steps, bytes, expected);
    Report::new(steps, asserted)
}

fn take_steps(
    steps: &mut CheckList,
    bytes: &[u8],
    expected: &ExpectedAssertion<'_>,
) -> Option<AssertedUse> {
    let demand = "the assertion is CBOR with signature and authenticatorData";
    let object = steps.read(0, demand, object::parse_assertion(bytes))?;
    let data = steps.read(
        0,
        "authenticatorData can be read",
        authenticator_data::parse_assertion(object.authenticator_data),
    );
    steps.passed(1, "clientDataHash is the SHA-256 of the client data", None);
    let nonce = crate::accounts::domain::app_attest::nonce(
        object.authenticator_data,
        expected.client_data_hash,
    );
    steps.passed(
        2,
        "the nonce is the SHA-256 of authenticatorData and clientDataHash",
        base64::encode(nonce),
    );
    let key = VerifyingKey::from_sec1_bytes(expected.public_key)
        .map_err(|_| "the attested key is no point of P-256");
    let key = steps.read(3, "the attested key can be read", key);
    let signature =
        Signature::from_der(object.signature).map_err(|_| "the signature is not DER of ECDSA");
    let signature = steps.read(3, "the signature can be read", signature);
    if let (Some(key), Some(signature)) = (key, signature) {
        // The key signs the nonce, which ECDSA hashes once more.
        let signed = key.verify(&nonce, &signature).is_ok();
        steps.check(
            3,
            "the key signed the nonce",
            signed,
            "the signature is not by this key over this nonce",
            || None,
        );
    }
    let data = data?;
    let ours = crate::accounts::domain::app_attest::is_rp(expected.app_id, &data.header);
    steps.check(
        4,
        "the RP id hash is that of the application",
        ours,
        "the assertion is of another application",
        || {
            Some(format!(
                "RP id hash {}",
                base64::encode(data.header.rp_id_hash)
            ))
        },
    );
    let counter = data.header.counter;
    let more = counter > expected.previous_counter;
    let found = || Some(format!("{counter} after {}", expected.previous_counter));
    steps.check(
        5,
        "the counter is greater than before",
        more,
        "the counter is not greater than before",
        found,
    );
    crate::accounts::domain::app_attest::category_step(
        steps,
        &data.extensions,
        expected.categories,
    );
    Some(AssertedUse {
        counter,
        bundle_version: data.extensions.bundle_version,
        validation_category: data.extensions.validation_category,
    })
}
