//! Broken content: authenticator data, nonces, keys and extensions.

use hamrah_api::accounts::model::attest::AttestEnvironment;

use super::certificates::twice;
use super::{Broken, Case};
use crate::apple::{DeviceKey, bytes, cose, extensions, map, nonce_extension, text};

pub const CONTENT: [Broken; 39] = [
    ("another challenge", 4, "for another nonce", |c| {
        c.client_data_hash[0] ^= 1;
    }),
    ("no nonce", 4, "has no extension", |c| {
        c.attestation.nonce_extension = Some(Vec::new());
    }),
    ("another nonce", 4, "for another nonce", |c| {
        c.attestation.nonce_extension = Some(nonce_extension(&[9; 32]));
    }),
    ("a short nonce", 4, "not a sequence of 32 bytes", |c| {
        c.attestation.nonce_extension = Some(nonce_extension(&[9; 31]));
    }),
    ("a long nonce", 4, "not a sequence of 32 bytes", |c| {
        c.attestation.nonce_extension = Some(nonce_extension(&[9; 33]));
    }),
    (
        "something after the nonce",
        4,
        "not a sequence of 32 bytes",
        |c| {
            c.attestation.nonce_extension =
                Some([nonce_extension(&c.attestation.nonce()), vec![0]].concat());
        },
    ),
    ("the nonce alone", 4, "not a sequence of 32 bytes", |c| {
        c.attestation.nonce_extension = Some(c.attestation.nonce().to_vec());
    }),
    ("another key id", 5, "the key id is of another key", |c| {
        c.key_id[0] ^= 1;
    }),
    ("a short key id", 5, "the key id is of another key", |c| {
        c.key_id.truncate(31);
    }),
    ("no key id", 5, "the key id is of another key", |c| {
        c.key_id.clear();
    }),
    (
        "another key's leaf",
        5,
        "the key id is of another key",
        |c| c.attestation.leaf_point = DeviceKey::new(8).point(),
    ),
    (
        "another key in authData",
        5,
        "another key than the leaf",
        |c| c.attestation.cose_key = cose(&DeviceKey::new(8).point()),
    ),
    ("another application", 6, "of another application", |c| {
        c.attestation.app_id = "UR6RM9YCF7.app.hamrah.evil".into();
    }),
    ("the bundle id alone", 6, "of another application", |c| {
        c.attestation.app_id = "app.hamrah.ios".into();
    }),
    ("no applications", 6, "of another application", |c| {
        c.app_ids.clear();
    }),
    ("a counter", 7, "the counter is not 0", |c| {
        c.attestation.counter = 1;
    }),
    (
        "development in production",
        8,
        "the other environment",
        |c| c.attestation = c.attestation.clone().development(),
    ),
    (
        "production in development",
        8,
        "the other environment",
        |c| c.environments = vec![AttestEnvironment::Development],
    ),
    ("no environments", 8, "the other environment", |c| {
        c.environments.clear();
    }),
    ("an unknown AAGUID", 8, "not App Attest's", |c| {
        c.attestation.aaguid = *b"appattest\0\0\0\0\0\0\x01";
    }),
    (
        "another credential id",
        9,
        "authData has another key id",
        |c| c.attestation.credential_id = vec![9; 32],
    ),
    ("no credential id", 9, "authData has another key id", |c| {
        c.attestation.credential_id.clear();
    }),
    (
        "a category that is not accepted",
        0,
        "a way that is not accepted",
        |c| {
            c.attestation = c.attestation.clone().ios_27("1314", 5);
            c.categories = vec![2, 4];
        },
    ),
    (
        "a receipt beyond 16 KiB",
        0,
        "the receipt is too long",
        |c| c.attestation.receipt = vec![7; 16 * 1024 + 1],
    ),
    ("AT clear", 0, "AT is not set", |c| c.attestation.flags = 0),
    (
        "ED without a map",
        0,
        "announces extensions and has none",
        |c| c.attestation.flags = 0xC0,
    ),
    ("a key that is not canonical", 0, "not one of P-256", |c| {
        c.attestation.cose_key[0] = 0xBF;
    }),
    ("a short key", 0, "not one of P-256", |c| {
        c.attestation.cose_key.truncate(76);
    }),
    ("a zero after the key", 0, "no CBOR map", |c| {
        c.attestation.tail = vec![0];
    }),
    ("a list after the key", 0, "no CBOR map", |c| {
        c.attestation.tail = vec![0x80];
    }),
    ("two maps", 0, "something follows the extensions", |c| {
        c.attestation.tail = [extensions("1", 4), extensions("1", 4)].concat();
    }),
    ("a truncated map", 0, "the CBOR ends too early", |c| {
        with_extensions(c).truncate(10);
    }),
    ("a map of indefinite length", 0, "no CBOR map", |c| {
        with_extensions(c)[0] = 0xBF;
        c.attestation.tail.push(0xFF);
    }),
    (
        "a map with a member twice",
        0,
        "not in the canonical order",
        |c| c.attestation.tail = twice("apple_bundle_version_01", text("1")),
    ),
    (
        "a map in another order",
        0,
        "not in the canonical order",
        |c| {
            c.attestation.tail = map(&[
                ("apple_validation_category_01", vec![4]),
                ("apple_bundle_version_01", text("1")),
            ]);
        },
    ),
    ("a version that is a number", 0, "of another type", |c| {
        c.attestation.tail = map(&[("apple_bundle_version_01", vec![1])]);
    }),
    (
        "a category of three bytes",
        0,
        "no number of four bytes",
        |c| {
            c.attestation.tail = map(&[("apple_validation_category_01", bytes(&[4, 0, 0]))]);
        },
    ),
    (
        "a category beyond four bytes",
        0,
        "no number of four bytes",
        |c| {
            c.attestation.tail = map(&[(
                "apple_validation_category_01",
                vec![0x1B, 0, 0, 0, 1, 0, 0, 0, 0],
            )]);
        },
    ),
    ("a deep map", 0, "nested too deep", |c| {
        c.attestation.tail = map(&[("deep", vec![0x81; 10_000])]);
    }),
];

fn with_extensions(case: &mut Case) -> &mut Vec<u8> {
    case.attestation.tail = extensions("1314", 4);
    &mut case.attestation.tail
}
