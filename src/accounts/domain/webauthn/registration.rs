//! Registering a credential: `WebAuthn` Level 3 §7.1, each step by its number.
//!
//! Our own code takes the steps, because the library's ceremony reads a clock that traps in wasm
//! ([`crate::accounts::domain::webauthn::library`]). The library reads the authenticator data and
//! the key.

use crate::accounts::domain::verification::report::{CheckList, Report};
use crate::accounts::domain::webauthn::attestation;
use crate::accounts::domain::webauthn::attestation::AttestationObject;
use crate::accounts::domain::webauthn::authenticator_data;
use crate::accounts::domain::webauthn::authenticator_data::{AuthData, Flags};
use crate::accounts::domain::webauthn::cose::PublicKey;
use crate::accounts::domain::webauthn::json::RegistrationResponse;
use crate::accounts::domain::webauthn::library::StoredPasskey;
use crate::accounts::domain::webauthn::{Expected, client_data};
use crate::accounts::model::credential_id::{CredentialId, MOST_BYTES};

/// A new credential.
#[derive(Clone, Debug)]
pub struct RegisteredCredential {
    /// The id of the credential.
    pub id: CredentialId,
    /// The public key.
    pub public_key: PublicKey,
    /// The AAGUID: the model of the authenticator.
    pub aaguid: [u8; 16],
    /// The flags.
    pub flags: Flags,
    /// The counter of the authenticator.
    pub counter: u32,
    /// The format of the attestation, which is not trusted.
    pub attestation_format: String,
    /// The credential as webauthn-rs keeps it.
    pub passkey: StoredPasskey,
}

/// Verifies a registration. The client takes steps 1 and 2; steps 26 and 27
/// need the database.
#[must_use]
pub fn verify(
    response: &RegistrationResponse,
    expected: &Expected<'_>,
) -> Report<RegisteredCredential> {
    let mut steps = CheckList::default();
    let credential = take_steps(&mut steps, response, expected);
    Report::new(steps, credential)
}

fn take_steps(
    steps: &mut CheckList,
    response: &RegistrationResponse,
    expected: &Expected<'_>,
) -> Option<RegisteredCredential> {
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
    // Steps 5 to 11. The later steps are taken even if one of these fails, so that the report
    // is complete.
    client_data::check(
        steps,
        5,
        &response.client_data_json,
        "webauthn.create",
        expected,
    );
    steps.passed(
        12,
        "the hash of clientDataJSON is computed",
        "only attestation statements would need it".to_owned(),
    );
    let object = steps.read(
        13,
        "attestationObject is CBOR",
        attestation::parse(&response.attestation_object),
    )?;
    let data = steps.read(
        13,
        "authData can be read",
        authenticator_data::parse_registration(&object.auth_data),
    )?;
    authenticator_data::check(steps, 14, &data, expected);
    backup_steps(steps, &data);
    let attested = steps.read(
        20,
        "authData has a credential",
        data.attested.as_ref().ok_or("no credential was made"),
    )?;
    let key = steps.read(
        20,
        "the public key can be read",
        PublicKey::parse(&attested.public_key),
    );
    if let Some(key) = &key {
        let offered = expected.algorithms.contains(&key.algorithm);
        steps.check(
            20,
            "its algorithm is one that was offered",
            offered,
            "an algorithm that was not offered",
            || {
                Some(format!(
                    "{} ({})",
                    key.algorithm.name(),
                    key.algorithm.number()
                ))
            },
        );
    }
    attestation_steps(steps, &object);
    let length = attested.credential_id.len();
    steps.check(
        25,
        "credentialId has 1 to 1023 bytes",
        (1..=MOST_BYTES).contains(&length),
        "the credential id is empty or too long",
        || Some(format!("{length} bytes")),
    );
    let same = response.raw_id == attested.credential_id;
    steps.check(
        25,
        "credentialId is the id of the response",
        same,
        "the response has another id than the credential",
        || None,
    );
    let key = key?;
    Some(RegisteredCredential {
        id: CredentialId::from_bytes(&attested.credential_id)?,
        passkey: StoredPasskey::new(&key, data.flags),
        public_key: key,
        aaguid: attested.aaguid,
        flags: data.flags,
        counter: data.counter,
        attestation_format: object.format,
    })
}

fn backup_steps(steps: &mut CheckList, data: &AuthData) {
    let kind = if data.flags.backup_eligible() {
        "a multi-device credential"
    } else {
        "a single-device credential"
    };
    steps.passed(18, "BE is kept", kind.to_owned());
    let state = if data.flags.backed_up() {
        "backed up"
    } else {
        "not backed up"
    };
    steps.passed(19, "BS is kept", state.to_owned());
}

fn attestation_steps(steps: &mut CheckList, object: &AttestationObject) {
    let found = || Some(object.format.clone());
    steps.check(
        21,
        "the attestation statement's format is known",
        object.is_known(),
        "an unknown attestation format",
        found,
    );
    if steps
        .read(
            22,
            "the attestation statement has the shape of its format",
            object.check_shape(),
        )
        .is_none()
    {
        return;
    }
    steps.passed(
        23,
        "trust anchors are obtained",
        "none are needed: no attestation is trusted".to_owned(),
    );
    if object.format == "none" {
        steps.passed(24, "attestation: none was given", None);
    } else {
        steps.passed(
            24,
            "attestation: none was asked for",
            format!("{} is not verified and not trusted", object.format),
        );
    }
}
