//! The seeds of the fuzzers: valid objects of the test authority.

use std::path::{Path, PathBuf};

use hamrah_api::accounts::domain::app_attest::assertion;
use hamrah_api::accounts::domain::app_attest::assertion::ExpectedAssertion;
use hamrah_api::accounts::domain::app_attest::attestation;
use hamrah_api::accounts::domain::app_attest::attestation::ExpectedAttestation;
use hamrah_api::accounts::domain::app_attest::certificate::Certificate;
use hamrah_api::accounts::domain::app_attest::{authenticator_data, object};
use hamrah_api::accounts::model::attest::AttestEnvironment;
use hamrah_api::kernel::model::time::Timestamp;

use crate::apple::{Assertion, Authority, DeviceKey};
use crate::{APP, AT, HASH};

fn path(target: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target)
        .join(name)
}

fn read(target: &str, name: &str) -> Vec<u8> {
    std::fs::read(path(target, name)).expect("a seed")
}

/// After a change of the authority, `WRITE_SEEDS=1 cargo test --test attest seeds` writes them
/// again.
#[test]
fn the_seeds_match_the_test_authority() {
    let (key, authority) = (DeviceKey::new(7), Authority::new());
    let before = key.attestation(APP, HASH, Timestamp::from_millis(AT * 1000));
    let since = before.clone().ios_27("1314", 4);
    let assertion = Assertion::new(APP, HASH, 1);
    for (target, name, bytes) in [
        ("app_attestation", "ios_14", authority.attest(&before)),
        ("app_attestation", "ios_27", authority.attest(&since)),
        ("app_attestation", "auth_data", since.auth_data()),
        ("app_attestation", "leaf", authority.leaf(&since)),
        ("app_assertion", "ios_14", key.assert(&assertion)),
        (
            "app_assertion",
            "ios_27",
            key.assert(&assertion.clone().ios_27("1314", 4)),
        ),
    ] {
        if std::env::var_os("WRITE_SEEDS").is_some() {
            let path = path(target, name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, &bytes).expect("written");
        }
        assert!(read(target, name) == bytes, "{target}/{name}");
    }
}

#[test]
fn the_seeds_are_accepted() {
    let key = DeviceKey::new(7);
    for name in ["ios_14", "ios_27"] {
        let expected = ExpectedAttestation {
            app_ids: &[APP.to_owned()],
            environments: &[AttestEnvironment::Production],
            client_data_hash: &HASH,
            key_id: &key.id(),
            anchors: &[Authority::new().anchor()],
            at: Timestamp::from_millis(AT * 1000),
            categories: &[],
        };
        let seed = read("app_attestation", name);
        assert!(object::parse_attestation(&seed).is_ok());
        attestation::verify(&seed, &expected)
            .accepted()
            .expect(name);
        let expected = ExpectedAssertion {
            public_key: &key.point(),
            app_id: APP,
            client_data_hash: &HASH,
            previous_counter: 0,
            categories: &[],
        };
        assertion::verify(&read("app_assertion", name), &expected)
            .accepted()
            .expect(name);
    }
    authenticator_data::parse_attestation(&read("app_attestation", "auth_data"))
        .expect("authenticator data");
    Certificate::parse(&read("app_attestation", "leaf")).expect("a certificate");
}
