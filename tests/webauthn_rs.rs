//! webauthn-rs behind our own checks: which recorded and which changed ceremonies the two accept together.
//!
//! The first vectors are those of the specification (`WebAuthn` Level 3 §16), which another implementation made. Most of them lack user verification, which
//! this service requires: so they must fail at that step, and at no other.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by ending"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hamrah_api::accounts::domain::steps::{Outcome, Report};
use hamrah_api::accounts::domain::webauthn::assertion::{self, Asserted, Known};
use hamrah_api::accounts::domain::webauthn::authenticator_data::{Flags, parse_registration};
use hamrah_api::accounts::domain::webauthn::cose::{Algorithm, PublicKey};
use hamrah_api::accounts::domain::webauthn::json::{AuthenticationResponse, RegistrationResponse};
use hamrah_api::accounts::domain::webauthn::library::StoredPasskey;
use hamrah_api::accounts::domain::webauthn::{Expected, registration};
use serde_json::json;
use sha2::{Digest, Sha256};

fn expected<'a>(origins: &'a [String; 1], challenge: &'a str) -> Expected<'a> {
    Expected {
        rp_id: "example.org",
        origins,
        challenge,
        algorithms: &Algorithm::ALL,
    }
}

fn origins() -> [String; 1] {
    ["https://example.org".to_owned()]
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The numbers of the steps that failed.
fn failed<T>(report: &Report<T>) -> Vec<u8> {
    report
        .steps
        .iter()
        .filter(|step| matches!(step.outcome, Outcome::Failed(_)))
        .map(|step| step.number)
        .collect()
}

fn asserted(
    id: &[u8],
    client_data: &str,
    authenticator_data: &[u8],
    signature: &[u8],
) -> AuthenticationResponse {
    let response = json!({
        "clientDataJSON": base64url(client_data), "authenticatorData": base64url(authenticator_data), "signature": base64url(signature),
    });
    serde_json::from_value(json!({"id": base64url(id), "type": "public-key", "response": response}))
        .expect("a response")
}

/// A pair of ceremonies of the specification, without what all have in common.
struct Vector {
    name: &'static str,
    id: &'static str,
    created: (&'static str, &'static str),
    attestation_object: &'static str,
    registration_fails_at: &'static [u8],
    algorithm: Algorithm,
    asserted: (&'static str, &'static str),
    flags: u8,
    signature: &'static str,
}

/// SHA-256 of `example.org`.
const RP_ID_HASH: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b5";

const VECTORS: [Vector; 3] = [
    Vector {
        name: "§16.2, none.ES256",
        id: "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4",
        created: (
            "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA",
            "BkQeDjdcTBrXBiAwJTLE5Q",
        ),
        attestation_object: "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220",
        registration_fails_at: &[16],
        algorithm: Algorithm::Es256,
        asserted: ("OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag", ""),
        flags: 0x19,
        signature: "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87",
    },
    Vector {
        name: "§16.3, packed-self.ES256",
        id: "455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58c",
        created: (
            "eGnCt3LUtY66k3jPjynibPk1qnffDaifqZwL3Ap29-U",
            "U9hTXvKE2URkMnb_0xYHVg",
        ),
        attestation_object: "a363666d74667061636b65646761747453746d74a263616c672663736967584630440220067a20754ab925005dbf378097c92120031581c73228d1fb4f5b881bcd7da98302207fc7b147558c7c0eba3af18bd9d121fa3d3a26d17fe3f220272178f473b6006d68617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b55d00000000df850e09db6afbdfab51697791506cfc0020455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58ca5010203262001215820eb151c8176b225cc651559fecf07af450fd85802046656b34c18f6cf193843c5225820927b8aa427a2be1b8834d233a2d34f61f13bfd44119c325d5896e183fee484f2",
        registration_fails_at: &[],
        algorithm: Algorithm::Es256,
        asserted: (
            "RHihCxNSNI3RYME1Ow1Gm12xnrkcJ_ffpv7Tn-Jq8gs",
            "gTb53rz6EhSWomXGzimC1Q",
        ),
        flags: 0x09,
        signature: "304402203310b9431903c401f1be2bdc8d23a4007682dbbddcf846994947b7f465daf84002204e94dd00047b316061b3b99772b7efd95994a83ef584b3b6b825ea3550251b66",
    },
    Vector {
        name: "§16.11, packed.EdDSA",
        id: "ce9f840ed96599580cd140fbc7bb3230633f50f61041aff73308ae71caa8a2bd",
        created: (
            "qKv52r3GsN9jRms5vanoo0o04YUzelnxxXmZBnbTs70",
            "B_DT5g7ZD_-9OTLYX5IvEQ",
        ),
        attestation_object: "a363666d74667061636b65646761747453746d74a363616c67266373696758483046022100d83f60bd80269537583218858aefb03ac57d45fa06e42feaae332d187f62da9f022100a02bd3cb6f7e1d283c93bad1f3f4b5a4c0494463da7fdbf256949116754d1f17637835638159022730820223308201c8a003020102021100b2cfc9ea33c8643b0e1a760463eaf164300a06082a8648ce3d0403023062311e301c06035504030c15576562417574686e207465737420766563746f7273310c300a060355040a0c0357334331253023060355040b0c1c41757468656e74696361746f72204174746573746174696f6e204341310b30090603550406130241413020170d3234303130313030303030305a180f33303234303130313030303030305a305f311e301c06035504030c15576562417574686e207465737420766563746f7273310c300a060355040a0c0357334331223020060355040b0c1941757468656e74696361746f72204174746573746174696f6e310b30090603550406130241413059301306072a8648ce3d020106082a8648ce3d03010703420004dd2b7a564b73b8c0b81c4c62e521925c4d1198ec9f583dbf1eebe364b65cd9c29a9bdf346aaa81fb6b9507e5249a52fdaf8e39e26b0b7dc45992a7e233b70f70a360305e300c0603551d130101ff04023000300e0603551d0f0101ff040403020780301d0603551d0e041604140ae27546bc7eccb1b4b597bd354f0c0b1f1f8f8e301f0603551d2304183016801445aff715b0dd786741fee996ebc16547a3931b1e300a06082a8648ce3d0403020349003046022100a0d434ecb5fc3bfd7da5f41904517ad2836249f561bd834ba7a438a8ab7a4ce8022100fac845bb7a02513b58e9f319654dbe49b0f02b95835bac568c71f8a18cdde9ab6861757468446174615881bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b54100000000d5aa33581e8ca478e20fe713f5d32ff20020ce9f840ed96599580cd140fbc7bb3230633f50f61041aff73308ae71caa8a2bda401010327200621582044e06ddd331c36a8dc667bab52bcae63486c916aa5e339e6acebaa84934bf832",
        registration_fails_at: &[16],
        algorithm: Algorithm::EdDsa,
        asserted: ("iVlX4BxjOmmDSKLYoxpUt9sn6MHEOyCA15riGQJnv9I", ""),
        flags: 0x01,
        signature: "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cfdfc48f85393bc0d40b011f0d6fecb097d6607525713223a0dc0d453993dae00b",
    },
];

fn client_data(kind: &str, challenge: &str, extra: &str) -> String {
    let text = format!(
        r#"{{"type":"{kind}","challenge":"{challenge}","origin":"https://example.org","crossOrigin":false"#
    );
    if extra.is_empty() {
        return text + "}";
    }
    text + ",\"extraData\":\"clientDataJSON may be extended with additional fields in the future, such as this: "
        + extra
        + "\"}"
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
            "response": {"clientDataJSON": base64url(client_data_json), "attestationObject": base64url(&object)},
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
        // The passkey goes through the form in which the database keeps it.
        let passkey =
            StoredPasskey::read(&credential.passkey.write().expect("JSON")).expect("a passkey");
        let eligible = Some(credential.flags.backup_eligible());
        let known = Known {
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

/// A key that signs.
type Signer = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// COSE keys of each kind, and what signs with their private halves.
fn keys() -> Vec<(Algorithm, Vec<u8>, Signer)> {
    use p256::ecdsa::signature::Signer as Sign;
    use rsa::signature::SignatureEncoding;
    use rsa::traits::PublicKeyParts;

    let bytes = |bytes: &[u8]| {
        [
            &[0x59][..],
            &u16::try_from(bytes.len()).expect("short").to_be_bytes(),
            bytes,
        ]
        .concat()
    };
    let nist256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
    let point = nist256.verifying_key().to_sec1_point(false);
    let es256 = [
        &[0xA5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..],
        point.x().expect("x"),
        &[0x22, 0x58, 32],
        point.y().expect("y"),
    ]
    .concat();
    let by_es256: Signer = Box::new(move |message| {
        Sign::<p256::ecdsa::DerSignature>::sign(&nist256, message)
            .as_bytes()
            .to_vec()
    });
    let nist384 = p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("a key");
    let point = nist384.verifying_key().to_sec1_point(false);
    let es384 = [
        &[0xA5, 1, 2, 3, 0x38, 34, 0x20, 2, 0x21, 0x58, 48][..],
        point.x().expect("x"),
        &[0x22, 0x58, 48],
        point.y().expect("y"),
    ]
    .concat();
    let by_es384: Signer = Box::new(move |message| {
        Sign::<p384::ecdsa::DerSignature>::sign(&nist384, message)
            .as_bytes()
            .to_vec()
    });
    let private = rsa::RsaPrivateKey::new(&mut rand::rng(), 2048).expect("a key");
    let rs256 = [
        &[0xA4, 1, 3, 3, 0x39, 1, 0, 0x20][..],
        &bytes(&private.n().to_be_bytes()),
        &[0x21, 0x43, 1, 0, 1],
    ]
    .concat();
    let private = rsa::pkcs1v15::SigningKey::<Sha256>::new(private);
    let by_rs256: Signer = Box::new(move |message| private.sign(message).to_vec());
    let edwards = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let eddsa = [
        &[0xA4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..],
        &edwards.verifying_key().to_bytes(),
    ]
    .concat();
    let by_eddsa: Signer = Box::new(move |message| edwards.sign(message).to_bytes().to_vec());
    vec![
        (Algorithm::Es256, es256, by_es256),
        (Algorithm::Es384, es384, by_es384),
        (Algorithm::Rs256, rs256, by_rs256),
        (Algorithm::EdDsa, eddsa, by_eddsa),
    ]
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
) -> Report<Asserted> {
    let key = PublicKey::parse(key).expect("a key");
    let passkey = StoredPasskey::read(
        &StoredPasskey::new(&ID, &key, registered)
            .write()
            .expect("JSON"),
    )
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
    let known = Known {
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

/// `good` with each of its bits changed.
fn changed(good: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let bits = (0..good.len()).flat_map(|place| (0..8).map(move |bit| (place, bit)));
    bits.map(|(place, bit)| {
        let mut bytes = good.to_vec();
        bytes[place] ^= 1 << bit;
        bytes
    })
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
        // Every seventh bit: one in each byte at least.
        for bytes in changed(&client_data).step_by(7) {
            assert!(
                !verify(&bytes, &data, &signature).passed(),
                "{algorithm:?}: {bytes:02x?}"
            );
        }
    }
}

/// Every byte of flags, signed by the passkey itself, and what the specification says of it.
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
                // What AT and ED announce is missing.
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

/// The library cannot read the first. It would accept the others: these are what our own checks stand before it for.
#[test]
fn what_the_library_reads_otherwise_is_decided_here() {
    let data = [hex(RP_ID_HASH), vec![0x05, 0, 0, 0, 7]].concat();
    let good = client_data("webauthn.get", CHALLENGE, "");
    let twice = good.replace(
        r#""crossOrigin":false"#,
        r#""origin":"https://example.org""#,
    );
    let origin = |origin: &str| good.replace("https://example.org", origin);
    for (algorithm, key, sign) in keys() {
        for (client_data, fails_at) in [
            (format!("\u{FEFF}{good}"), &[][..]),
            (origin("https://example.org/"), &[12]),
            (origin("https://example.org:443"), &[12]),
            (origin("https://EXAMPLE.org"), &[12]),
            (origin("https://example.org/path?query"), &[12]),
            (
                good.replace(
                    r#""crossOrigin":false"#,
                    r#""topOrigin":"https://example.org""#,
                ),
                &[14],
            ),
            (twice.clone(), &[9]),
        ] {
            let signature = signed(client_data.as_bytes(), &data, &sign);
            let report = verified(&key, Flags(0x05), client_data.as_bytes(), &data, &signature);
            assert_eq!(failed(&report), fails_at, "{algorithm:?}: {client_data}");
        }
        // Something after the authenticator data, which the library reads over.
        let longer = [data.as_slice(), &[0xA0]].concat();
        let signature = signed(good.as_bytes(), &longer, &sign);
        assert_eq!(
            failed(&verified(
                &key,
                Flags(0x05),
                good.as_bytes(),
                &longer,
                &signature
            )),
            [15],
            "{algorithm:?}"
        );
    }
}

/// Whatever our own checks let through and the library refuses is refused, with a step that says so.
#[test]
fn the_library_s_refusal_stands() {
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
fn keys_with_any_bit_changed_are_refused_or_other_keys() {
    const MESSAGE: &[u8] = b"what the authenticator signed";
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
            // Another modulus is a key, and half of all numbers are an Edwards point; another coordinate is hardly ever a point.
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
        // Outputs that the library would refuse by their type are read over: no extension is asked for.
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
