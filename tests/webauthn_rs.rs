//! What webauthn-rs reads in the bytes of an authenticator, beside what is read here: whatever passes here passes there, and says the same.
//!
//! It is the stricter side that runs in the Worker; the other one is on nobody's way in.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by ending"
)]

use hamrah_api::accounts::domain::webauthn::authenticator_data::{AuthData, parse_registration};
use hamrah_api::accounts::domain::webauthn::cose::{Algorithm, PublicKey};
use webauthn_rs_core::internals::AuthenticatorData;
use webauthn_rs_core::proto::{COSEAlgorithm, COSEKey, Registration};

/// COSE keys of each kind that both read, and a signature by each over [`MESSAGE`].
fn keys() -> Vec<(Vec<u8>, Vec<u8>)> {
    use p256::ecdsa::signature::Signer;
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
    let ecdsa256: p256::ecdsa::DerSignature = nist256.sign(MESSAGE);
    let nist384 = p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("a key");
    let point = nist384.verifying_key().to_sec1_point(false);
    let es384 = [
        &[0xA5, 1, 2, 3, 0x38, 34, 0x20, 2, 0x21, 0x58, 48][..],
        point.x().expect("x"),
        &[0x22, 0x58, 48],
        point.y().expect("y"),
    ]
    .concat();
    let ecdsa384: p384::ecdsa::DerSignature = nist384.sign(MESSAGE);
    let private = rsa::RsaPrivateKey::new(&mut rand::rng(), 2048).expect("a key");
    let rs256 = [
        &[0xA4, 1, 3, 3, 0x39, 1, 0, 0x20][..],
        &bytes(&private.n().to_be_bytes()),
        &[0x21, 0x43, 1, 0, 1],
    ]
    .concat();
    let by_rs256 = rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new(private)
        .sign(MESSAGE)
        .to_vec();
    vec![
        (es256, ecdsa256.as_bytes().to_vec()),
        (es384, ecdsa384.as_bytes().to_vec()),
        (rs256, by_rs256),
    ]
}

const MESSAGE: &[u8] = b"what the authenticator signed";

/// Each byte of `good`, changed in each bit.
fn changed(good: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let bits = (0..good.len()).flat_map(|place| (0..8).map(move |bit| (place, bit)));
    bits.map(|(place, bit)| {
        let mut bytes = good.to_vec();
        bytes[place] ^= 1 << bit;
        bytes
    })
}

fn library_key(bytes: &[u8]) -> Option<COSEKey> {
    COSEKey::try_from(&serde_cbor_2::from_slice::<serde_cbor_2::Value>(bytes).ok()?).ok()
}

fn named(algorithm: COSEAlgorithm) -> Option<Algorithm> {
    match algorithm {
        COSEAlgorithm::ES256 => Some(Algorithm::Es256),
        COSEAlgorithm::ES384 => Some(Algorithm::Es384),
        COSEAlgorithm::RS256 => Some(Algorithm::Rs256),
        _ => None,
    }
}

#[test]
fn keys_are_read_and_verify_as_another_implementation_has_it() {
    for (good, signature) in keys() {
        let (ours, theirs) = (
            PublicKey::parse(&good).expect("a key"),
            library_key(&good).expect("a key there too"),
        );
        assert_eq!(Some(ours.algorithm), named(theirs.type_));
        assert!(
            ours.verifies(MESSAGE, &signature)
                && theirs
                    .verify_signature(&signature, MESSAGE)
                    .expect("a verdict")
        );
        for signature in changed(&signature) {
            assert!(
                !ours.verifies(MESSAGE, &signature),
                "{:?} by a signature that was changed",
                ours.algorithm
            );
        }
        let mut accepted = 0;
        for bytes in changed(&good) {
            let Ok(ours) = PublicKey::parse(&bytes) else {
                continue;
            };
            let theirs = library_key(&bytes).expect("what passes here passes there");
            assert_eq!(Some(ours.algorithm), named(theirs.type_));
            assert!(
                !ours.verifies(MESSAGE, &signature),
                "{:?}: another key",
                ours.algorithm
            );
            accepted += 1;
        }
        // Another modulus is a key; another coordinate is hardly ever a point.
        assert_eq!(
            accepted > 0,
            ours.algorithm == Algorithm::Rs256,
            "{:?}: {accepted}",
            ours.algorithm
        );
    }
}

#[test]
fn coordinates_have_the_length_of_their_curve() {
    for (good, size) in keys().into_iter().take(2).map(|(key, _)| key).zip([32, 48]) {
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
            assert!(
                PublicKey::parse(&moved).is_err() && library_key(&moved).is_none(),
                "{size}: {cut}"
            );
        }
    }
}

#[test]
fn authenticator_data_is_read_as_another_implementation_has_it() {
    for (key, _) in keys() {
        let credential = [&[3; 16][..], &[0, 20], &[9; 20], &key].concat();
        let extensions = [0xA1, 0x6B]
            .into_iter()
            .chain(*b"credProtect")
            .chain([0x02])
            .collect::<Vec<u8>>();
        for (flags, extensions) in [(0x45, &[][..]), (0xDD, &extensions)] {
            let good = [&[1; 32][..], &[flags, 0, 0, 1, 2], &credential, extensions].concat();
            same(
                &good,
                &parse_registration(&good).expect("authenticator data"),
            );
            // The header and the lengths; keys have a test of their own.
            let header = good.len().min(32 + 5 + 18 + 24);
            for bytes in changed(&good[..header])
                .map(|header_changed| [&header_changed, &good[header..]].concat())
            {
                if let Ok(ours) = parse_registration(&bytes) {
                    same(&bytes, &ours);
                }
            }
        }
    }
}

fn same(bytes: &[u8], ours: &AuthData) {
    let theirs =
        AuthenticatorData::<Registration>::try_from(bytes).expect("what passes here passes there");
    let flags = (
        ours.flags.user_present(),
        ours.flags.user_verified(),
        ours.flags.backup_eligible(),
        ours.flags.backed_up(),
    );
    assert_eq!(
        flags,
        (
            theirs.user_present,
            theirs.user_verified,
            theirs.backup_eligible,
            theirs.backup_state
        )
    );
    assert_eq!(ours.counter, theirs.counter);
    let made = ours
        .attested
        .as_ref()
        .map(|made| (made.aaguid, made.credential_id.clone()));
    assert_eq!(
        made,
        theirs
            .acd
            .map(|made| (made.aaguid, made.credential_id.clone()))
    );
}
