//! Registrations that break one rule each.

use serde_cbor_2::Value as Cbor;
use serde_json::json;

use super::{CLIENT_DATA, SETTINGS, authenticator, cbor_value, check};
use crate::harness::authenticator::{BS, Registration, cbor_map};
use crate::harness::case_with;

/// A change of a registration, and the reason for its refusal.
type Registering = (&'static str, &'static str, fn(&mut Registration));

const REGISTERING: [Registering; 41] = [
    ("the other type", "the type is of another ceremony", |r| {
        r.client_data["type"] = json!("webauthn.get");
    }),
    ("client data that is not UTF-8", "not UTF-8", |r| {
        r.client_data_prefix = vec![0xFF];
    }),
    ("two byte order marks", "no JSON object", |r| {
        r.client_data_prefix = "\u{FEFF}\u{FEFF}".into();
    }),
    ("another RP", "another relying party", |r| {
        r.rp_id = "evil.example".into();
    }),
    ("a subdomain as RP", "another relying party", |r| {
        r.rp_id = "api.hamrah.app".into();
    }),
    ("UP missing", "the user was not present", |r| {
        r.flags &= !0x01;
    }),
    ("UV missing", "the user was not verified", |r| {
        r.flags &= !0x04;
    }),
    ("BS without BE", "backed up without being eligible", |r| {
        r.flags |= BS;
    }),
    ("no credential", "no credential was made", |r| {
        r.flags &= !0x40;
    }),
    ("ES384", "an algorithm that was not offered", |r| {
        r.public_key = es384();
    }),
    (
        "ES384 on the curve of ES256",
        "the key and its algorithm do not fit",
        |r| r.public_key = es256_like(r, -35),
    ),
    (
        "ES512 on the curve of ES256",
        "the key and its algorithm do not fit",
        |r| r.public_key = es256_like(r, -36),
    ),
    ("an unknown algorithm", "of no kind that can be used", |r| {
        r.public_key = es256_like(r, -65_000);
    }),
    (
        "a point that is not on the curve",
        "of no kind that can be used",
        |r| {
            let last = r.public_key.len() - 1;
            r.public_key[last] ^= 1;
        },
    ),
    ("an Ed25519 point of small order", "no Ed25519 key", |r| {
        r.public_key = ed25519_like(&[0; 32]);
    }),
    ("a short Ed25519 key", "no Ed25519 key", |r| {
        r.public_key = ed25519_like(&[1; 31]);
    }),
    ("a key that is a list", "of no kind that can be used", |r| {
        r.public_key = serde_cbor_2::to_vec(&vec![1, 2, 3]).expect("CBOR");
    }),
    ("a key with a member twice", "CTAP2 canonical form", |r| {
        let first = r.public_key[0];
        r.public_key[0] = first + 1;
        r.public_key.extend_from_slice(&[0x01, 0x02]);
    }),
    (
        "a key with a length that is not the shortest",
        "not CBOR in the form that authenticators write",
        |r| {
            let members = r.public_key.split_off(1);
            r.public_key = [&[0xB8, 0x05], members.as_slice()].concat();
        },
    ),
    (
        "RSA with leading zeros",
        "of no kind that can be used",
        |r| {
            r.public_key = rsa_like(&[&[0; 128][..], &[0xFF; 128]].concat(), &[1, 0, 1]);
        },
    ),
    (
        "RSA with another exponent",
        "of no kind that can be used",
        |r| r.public_key = rsa_like(&[0xFF; 256], &[0, 0, 3]),
    ),
    (
        "coordinates of other lengths",
        "of no kind that can be used",
        |r| {
            // x is one byte shorter and y one longer. Together they have the right length.
            let (x, y) = (r.public_key[10..42].to_vec(), r.public_key[45..].to_vec());
            r.public_key = [
                &r.public_key[..9],
                &[31],
                &x[..31],
                &[0x22, 0x58, 33],
                &x[31..],
                &y,
            ]
            .concat();
        },
    ),
    (
        "a statement of hundreds of members",
        "not CBOR with fmt",
        |r| {
            let names: Vec<String> = (0..300).map(|index| format!("{index}")).collect();
            r.statement = cbor_value(
                &names
                    .iter()
                    .map(|name| (name.as_str(), Cbor::Null))
                    .collect::<Vec<_>>(),
            );
        },
    ),
    (
        "something after the key",
        "something follows the authenticator data",
        |r| r.tail = vec![0xA0],
    ),
    (
        "extensions that are announced and missing",
        "not CBOR",
        |r| r.flags |= 0x80,
    ),
    (
        "something after the extensions",
        "something follows the authenticator data",
        |r| {
            r.flags |= 0x80;
            r.tail = vec![0xA0, 0x00];
        },
    ),
    ("deep extensions", "not CBOR", |r| {
        r.flags |= 0x80;
        r.tail = vec![0x81; 10_000];
    }),
    ("no credential id", "empty or too long", |r| {
        r.credential_id = Vec::new();
    }),
    ("a credential id of 1024 bytes", "empty or too long", |r| {
        r.credential_id = vec![7; 1024];
    }),
    (
        "another id in the response",
        "another id than the credential",
        |r| r.id = vec![9; 32],
    ),
    ("an unknown format", "an unknown attestation format", |r| {
        r.format = "made-up".into();
    }),
    ("a statement for none", "of format none is not empty", |r| {
        r.statement = cbor_value(&[("sig", Cbor::Bytes(vec![1]))]);
    }),
    (
        "a statement that is none",
        "the attestation statement is not a map",
        |r| r.statement = Cbor::Null,
    ),
    (
        "packed without its members",
        "lacks a member of its format",
        |r| r.format = "packed".into(),
    ),
    ("a truncated object", "not CBOR with fmt", |r| {
        let mut object = r.object();
        object.truncate(object.len() / 2);
        r.object = Some(object);
    }),
    ("something after the object", "not CBOR with fmt", |r| {
        r.object = Some([r.object(), vec![0]].concat());
    }),
    ("an object that is a list", "not CBOR with fmt", |r| {
        let parts = vec![
            Cbor::Text("none".into()),
            Cbor::Bytes(r.auth_data()),
            r.statement.clone(),
        ];
        r.object = Some(serde_cbor_2::to_vec(&Cbor::Array(parts)).expect("CBOR"));
    }),
    (
        "an object with numbers for names",
        "not CBOR with fmt",
        |r| {
            let parts = [
                Cbor::Text("none".into()),
                Cbor::Bytes(r.auth_data()),
                r.statement.clone(),
            ];
            r.object = Some(cbor_map(
                &parts
                    .into_iter()
                    .enumerate()
                    .map(|(i, part)| (Cbor::Integer(i as i128), part))
                    .collect::<Vec<_>>(),
            ));
        },
    ),
    ("an object with a member twice", "not CBOR with fmt", |r| {
        let mut object = r.object();
        object[0] += 1;
        object.extend_from_slice(b"\x63fmt\x64none");
        r.object = Some(object);
    }),
    ("a deep object", "not CBOR with fmt", |r| {
        r.object = Some(vec![0x81; 20_000]);
    }),
    (
        "an oversized object",
        "the attestation object is too long",
        |r| {
            r.statement = cbor_value(&[("sig", Cbor::Bytes(vec![1; 33_000]))]);
        },
    ),
];

/// Returns the authenticator's key with another algorithm.
fn es256_like(registration: &Registration, algorithm: i128) -> Vec<u8> {
    let Ok(Cbor::Map(mut members)) = serde_cbor_2::from_slice(&registration.public_key) else {
        panic!("a map")
    };
    members.insert(Cbor::Integer(3), Cbor::Integer(algorithm));
    serde_cbor_2::to_vec(&Cbor::Map(members)).expect("CBOR")
}

fn es384() -> Vec<u8> {
    let point = p384::ecdsa::SigningKey::from_slice(&[7; 48])
        .expect("a key")
        .verifying_key()
        .to_sec1_point(false);
    let (x, y) = (
        point.x().expect("x").to_vec(),
        point.y().expect("y").to_vec(),
    );
    let int = Cbor::Integer;
    cbor_map(&[
        (int(1), int(2)),
        (int(3), int(-35)),
        (int(-1), int(2)),
        (int(-2), Cbor::Bytes(x)),
        (int(-3), Cbor::Bytes(y)),
    ])
}

fn ed25519_like(x: &[u8]) -> Vec<u8> {
    let int = Cbor::Integer;
    cbor_map(&[
        (int(1), int(1)),
        (int(3), int(-8)),
        (int(-1), int(6)),
        (int(-2), Cbor::Bytes(x.to_vec())),
    ])
}

fn rsa_like(n: &[u8], e: &[u8]) -> Vec<u8> {
    let int = Cbor::Integer;
    cbor_map(&[
        (int(1), int(3)),
        (int(3), int(-257)),
        (int(-1), Cbor::Bytes(n.to_vec())),
        (int(-2), Cbor::Bytes(e.to_vec())),
    ])
}

#[tokio::test]
async fn each_broken_registration_is_refused_for_its_own_reason() {
    case_with(&SETTINGS, async |app| {
        let mut refused = Vec::new();
        let mut attempt = async |what, reason, change: &dyn Fn(&mut Registration)| {
            let begun = app.begin_sign_up("ada@example.com").await;
            let mut answer = authenticator().register(&begun["options"]);
            change(&mut answer);
            let sent = app.complete_registration(&begun, &answer).send().await;
            assert_eq!(sent.status(), 400, "{what}: {}", sent.text());
            refused.push((what, reason, sent));
        };
        for (what, reason, change) in REGISTERING {
            attempt(what, reason, &change).await;
        }
        for (what, reason, change) in CLIENT_DATA {
            attempt(what, reason, &|registration| {
                change(&mut registration.client_data);
            })
            .await;
        }
        check(app, &refused).await;
        for table in ["users", "passkeys", "sessions", "events", "challenges"] {
            assert_eq!(
                app.count(&format!("SELECT COUNT(*) FROM {table}"), &[])
                    .await,
                0,
                "{table}: nothing is kept"
            );
        }
        app.sign_up(&mut authenticator(), "ada@example.com")
            .await
            .ok();
    })
    .await;
}
