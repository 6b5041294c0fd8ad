//! webauthn-rs behind our own checks: the ceremonies that both together accept and refuse.
//!
//! The recorded vectors are those of the specification (`WebAuthn` Level 3 §16). Their sign-ins
//! lack user verification, which this service requires. So they must fail at that step and at no
//! other.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test binary has no API, and panics are how it fails"
)]

#[path = "support/ceremonies.rs"]
mod ceremonies;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ceremonies::{RP_ID_HASH, Signer, VECTORS, changed, client_data, hex, keys, library_accepts};
use hamrah_api::accounts::domain::verification::report::{Report, StepOutcome};
use hamrah_api::accounts::domain::webauthn::assertion::{
    self, StoredCredential, VerifiedAssertion,
};
use hamrah_api::accounts::domain::webauthn::authenticator_data::{Flags, parse_registration};
use hamrah_api::accounts::domain::webauthn::cose::{Algorithm, PublicKey};
use hamrah_api::accounts::domain::webauthn::json::{AuthenticationResponse, RegistrationResponse};
use hamrah_api::accounts::domain::webauthn::library::StoredPasskey;
use hamrah_api::accounts::domain::webauthn::{Expected, registration};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn expected<'a>(origins: &'a [String; 1], challenge: &'a str) -> Expected<'a> {
    Expected {
        rp_id: "example.org",
        origins,
        loopback: false,
        challenge,
        algorithms: &Algorithm::ALL,
    }
}

fn origins() -> [String; 1] {
    ["https://example.org".to_owned()]
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the numbers of the failed steps.
fn failed<T>(report: &Report<T>) -> Vec<u8> {
    report
        .steps
        .iter()
        .filter(|step| matches!(step.outcome, StepOutcome::Failed(_)))
        .map(|step| step.number)
        .collect()
}

/// Returns the `AuthenticationResponseJSON`.
fn asserted(id: &[u8], client_data: &str, authenticator_data: &[u8], signature: &[u8]) -> Value {
    let response = json!({
        "clientDataJSON": base64url(client_data),
        "authenticatorData": base64url(authenticator_data),
        "signature": base64url(signature),
        "userHandle": null,
    });
    let id = base64url(id);
    json!({"id": id, "rawId": id, "type": "public-key", "response": response})
}

#[test]
fn the_specification_s_vectors_fail_at_user_verification_alone() {
    let origins = origins();
    for vector in VECTORS {
        let (challenge, extra) = vector.created;
        let client_data_json = client_data("webauthn.create", challenge, extra);
        let (id, object) = (hex(vector.id), hex(vector.attestation_object));
        let response: RegistrationResponse = serde_json::from_value(json!({
            "id": base64url(&id),
            "response": {
                "clientDataJSON": base64url(client_data_json),
                "attestationObject": base64url(&object),
            },
        }))
        .expect("a response");
        let report = registration::verify(&response, &expected(&origins, challenge));
        assert_eq!(
            failed(&report),
            vector.registration_fails_at,
            "{}",
            vector.name
        );
        let credential = report.read.expect("a credential");
        assert_eq!(
            credential.public_key.algorithm, vector.algorithm,
            "{}",
            vector.name
        );

        let (challenge, extra) = vector.asserted;
        let data = [hex(RP_ID_HASH), vec![vector.flags, 0, 0, 0, 0]].concat();
        let response = asserted(
            &id,
            &client_data("webauthn.get", challenge, extra),
            &data,
            &hex(vector.signature),
        );
        let response: AuthenticationResponse =
            serde_json::from_value(response).expect("a response");
        // The passkey goes through the form in which the database keeps it.
        let passkey =
            StoredPasskey::read(&credential.passkey.write().expect("JSON")).expect("a passkey");
        let eligible = Some(credential.flags.backup_eligible());
        let known = StoredCredential {
            passkey: &passkey,
            counter: None,
            backup_eligible: eligible,
            allowed: None,
            user_handle: None,
        };
        let report = assertion::verify(&response, &expected(&origins, challenge), &known);
        assert_eq!(failed(&report), [17], "{}", vector.name);
    }
}

const CHALLENGE: &str = "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA";
const ID: [u8; 20] = [9; 20];

/// Verifies a sign-in by a passkey that was registered with `registered` as its flags.
fn verified(
    key: &[u8],
    registered: Flags,
    client_data: &[u8],
    authenticator_data: &[u8],
    signature: &[u8],
) -> Report<VerifiedAssertion> {
    let key = PublicKey::parse(key).expect("a key");
    let passkey = StoredPasskey::read(&StoredPasskey::new(&key, registered).write().expect("JSON"))
        .expect("a passkey");
    let response = AuthenticationResponse {
        id: None,
        raw_id: ID.to_vec(),
        is_public_key: true,
        client_data_json: client_data.to_vec(),
        authenticator_data: authenticator_data.to_vec(),
        signature: signature.to_vec(),
        user_handle: None,
    };
    let eligible = Some(registered.backup_eligible());
    let known = StoredCredential {
        passkey: &passkey,
        counter: None,
        backup_eligible: eligible,
        allowed: None,
        user_handle: None,
    };
    assertion::verify(&response, &expected(&origins(), CHALLENGE), &known)
}

fn signed(client_data: &[u8], authenticator_data: &[u8], sign: &Signer) -> Vec<u8> {
    sign(&[authenticator_data, &Sha256::digest(client_data)].concat())
}

#[test]
fn a_sign_in_with_any_bit_changed_is_refused() {
    let client_data = client_data("webauthn.get", CHALLENGE, "").into_bytes();
    let data = [hex(RP_ID_HASH), vec![0x05, 0, 0, 0, 7]].concat();
    for (algorithm, key, sign) in keys() {
        let signature = signed(&client_data, &data, &sign);
        let verify = |client: &[u8], data: &[u8], signature: &[u8]| {
            verified(&key, Flags(0x05), client, data, signature)
        };
        let good = verify(&client_data, &data, &signature);
        assert_eq!(
            (failed(&good), good.read.expect("an assertion").counter),
            (Vec::new(), 7),
            "{algorithm:?}"
        );
        for bytes in changed(&data) {
            assert!(
                !verify(&client_data, &bytes, &signature).passed(),
                "{algorithm:?}: {bytes:02x?}"
            );
        }
        for bytes in changed(&signature) {
            assert!(
                !verify(&client_data, &data, &bytes).passed(),
                "{algorithm:?}: {bytes:02x?}"
            );
        }
        // The loop takes every seventh bit, which is at least one in each byte.
        for bytes in changed(&client_data).step_by(7) {
            assert!(
                !verify(&bytes, &data, &signature).passed(),
                "{algorithm:?}: {bytes:02x?}"
            );
        }
    }
}

/// Checks every value of the flags, signed by the passkey itself, against the rules of the
/// specification.
#[test]
fn flags_are_accepted_as_the_specification_says() {
    let client_data = client_data("webauthn.get", CHALLENGE, "").into_bytes();
    for (algorithm, key, sign) in keys() {
        for registered in [Flags(0x45), Flags(0x4D)] {
            for flags in 0..=u8::MAX {
                let data = [hex(RP_ID_HASH), vec![flags, 0, 0, 0, 0]].concat();
                let report = verified(
                    &key,
                    registered,
                    &client_data,
                    &data,
                    &signed(&client_data, &data, &sign),
                );
                let flags = Flags(flags);
                // AT and ED announce parts that are missing here.
                let expected: Vec<u8> = if flags.attested() || flags.extensions() {
                    vec![15]
                } else {
                    let steps = [
                        (16, flags.user_present()),
                        (17, flags.user_verified()),
                        (18, flags.backup_eligible() || !flags.backed_up()),
                        (19, flags.backup_eligible() == registered.backup_eligible()),
                    ];
                    steps
                        .iter()
                        .filter(|(_, passes)| !passes)
                        .map(|(number, _)| *number)
                        .collect()
                };
                assert_eq!(
                    failed(&report),
                    expected,
                    "{algorithm:?}: {flags:?} after {registered:?}"
                );
            }
        }
    }
}

/// Sign-ins that our own checks and the library alone decide differently.
#[test]
fn our_own_checks_are_stricter_than_the_library() {
    let data = [hex(RP_ID_HASH), vec![0x05, 0, 0, 0, 7]].concat();
    let good = client_data("webauthn.get", CHALLENGE, "");
    let origin = |origin: &str| good.replace("https://example.org", origin);
    let framed = r#""topOrigin":"https://example.org""#;
    let framed = good.replace(r#""crossOrigin":false"#, framed);
    let none: &[u8] = &[];
    // The client data, the bytes after the authenticator data, the step that fails, and whether the
    // library alone would accept.
    let cases = [
        (good.clone(), none, none, true),
        // WebAuthn says to strip a byte order mark.
        (format!("\u{FEFF}{good}"), none, none, false),
        (origin("https://example.org/"), none, &[12], true),
        (origin("https://example.org:443"), none, &[12], true),
        (origin("https://EXAMPLE.org"), none, &[12], true),
        (origin("https://example.org/path?query"), none, &[12], true),
        (framed, none, &[14], true),
        (good.clone(), &[0xA0], &[15], true),
    ];
    for (algorithm, key, sign) in keys() {
        for (client_data, tail, fails_at, alone) in &cases {
            let data = [data.as_slice(), tail].concat();
            let signature = signed(client_data.as_bytes(), &data, &sign);
            let report = verified(&key, Flags(0x05), client_data.as_bytes(), &data, &signature);
            assert_eq!(failed(&report), *fails_at, "{algorithm:?}: {client_data}");
            if algorithm != Algorithm::EdDsa {
                let response = asserted(&ID, client_data, &data, &signature);
                let accepted = library_accepts(&key, CHALLENGE, response);
                assert_eq!(accepted, *alone, "{algorithm:?}: {client_data}");
            }
        }
    }
}

/// A sign-in that our own checks accept and the library refuses is refused, by a step of its own.
#[test]
fn a_refusal_by_the_library_is_final() {
    let data = [hex(RP_ID_HASH), vec![0x05, 0, 0, 0, 7]].concat();
    let client_data = client_data("webauthn.get", CHALLENGE, "")
        .replace('}', r#","tokenBinding":"not an object"}"#);
    for (algorithm, key, sign) in keys() {
        let signature = signed(client_data.as_bytes(), &data, &sign);
        let report = verified(&key, Flags(0x05), client_data.as_bytes(), &data, &signature);
        let expected: &[u8] = if algorithm == Algorithm::EdDsa {
            &[]
        } else {
            &[21]
        };
        assert_eq!(failed(&report), expected, "{algorithm:?}");
        assert_eq!(report.accepted().is_ok(), expected.is_empty());
    }
}

#[test]
fn a_key_with_a_changed_bit_is_refused_or_another_key() {
    const MESSAGE: &[u8] = b"the data that the authenticator signed";
    for (algorithm, good, sign) in keys() {
        let signature = sign(MESSAGE);
        let key = PublicKey::parse(&good).expect("a key");
        assert_eq!(
            (key.algorithm, key.bytes.as_slice()),
            (algorithm, good.as_slice())
        );
        assert!(key.verifies(MESSAGE, &signature));
        for key in changed(&good).filter_map(|bytes| PublicKey::parse(&bytes).ok()) {
            assert!(
                !key.verifies(MESSAGE, &signature),
                "{algorithm:?}: another key"
            );
            // A changed modulus is still a key, and half of all numbers are an Edwards point. A
            // changed coordinate is hardly ever a point.
            assert!(
                matches!(algorithm, Algorithm::Rs256 | Algorithm::EdDsa),
                "{algorithm:?}"
            );
        }
    }
}

#[test]
fn coordinates_have_the_length_of_their_curve() {
    for (good, size) in keys()
        .into_iter()
        .take(2)
        .map(|(_, key, _)| key)
        .zip([32, 48])
    {
        let (head, rest) = good.split_at(good.len() - 2 * size - 4);
        let (x, y) = (&rest[1..=size], &rest[size + 4..]);
        let point = [x, y].concat();
        for cut in [0, 1, size - 1, size + 1, 2 * size] {
            let (x, y) = point.split_at(cut);
            let member = |name: u8, bytes: &[u8]| {
                let length = u8::try_from(bytes.len()).expect("short");
                let head = if length < 24 {
                    vec![name, 0x40 + length]
                } else {
                    vec![name, 0x58, length]
                };
                [&head, bytes].concat()
            };
            let moved = [&head[..head.len() - 2], &member(0x21, x), &member(0x22, y)].concat();
            assert!(PublicKey::parse(&moved).is_err(), "{size}: {cut}");
        }
    }
}

#[test]
fn the_authenticator_data_of_a_registration_is_read_as_it_was_written() {
    for (_, key, _) in keys() {
        let credential = [&[3; 16][..], &[0, 20], &ID, &key].concat();
        // Outputs of extensions with a type that the library would refuse are ignored, because no
        // extension is requested.
        let extensions = [0xA1, 0x6B]
            .into_iter()
            .chain(*b"credProtect")
            .chain([0x61, b'x'])
            .collect::<Vec<u8>>();
        for (flags, extensions) in [(0x45, &[][..]), (0xDD, &extensions)] {
            let good = [&[1; 32][..], &[flags, 0, 0, 1, 2], &credential, extensions].concat();
            let data = parse_registration(&good).expect("authenticator data");
            let made = data.attested.expect("a credential");
            assert_eq!(
                (data.rp_id_hash, data.flags, data.counter),
                ([1; 32], Flags(flags), 258)
            );
            assert_eq!(
                (made.aaguid, made.credential_id, made.public_key),
                ([3; 16], ID.to_vec(), key.clone())
            );
            for end in 0..good.len() {
                assert!(parse_registration(&good[..end]).is_err(), "{end} bytes");
            }
        }
    }
}
