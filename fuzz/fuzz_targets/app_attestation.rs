//! Attestation objects of App Attest, and the authenticator data and certificates in them. No
//! made-up object is accepted.
#![no_main]

use hamrah_api::accounts::domain::app_attest::attestation::{ExpectedAttestation, verify};
use hamrah_api::accounts::domain::app_attest::authenticator_data;
use hamrah_api::accounts::domain::app_attest::certificate::Certificate;
use hamrah_api::accounts::model::attest::{AttestEnvironment, TrustAnchor};
use hamrah_api::kernel::model::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let app_ids = ["UR6RM9YCF7.app.hamrah.ios".to_owned()];
    let anchors = [TrustAnchor::apple()];
    let expected = ExpectedAttestation {
        app_ids: &app_ids,
        environments: &[
            AttestEnvironment::Production,
            AttestEnvironment::Development,
        ],
        client_data_hash: &[5; 32],
        key_id: &[0; 32],
        anchors: &anchors,
        at: Timestamp::from_millis(1_790_000_000_000),
        categories: &[],
    };
    // Apple signed nothing for this application and hash.
    assert!(!verify(bytes, &expected).passed());
    if let Ok(data) = authenticator_data::parse_attestation(bytes) {
        // All of it was read: header, id, key, and the known members of the map.
        assert!(bytes.len() >= 37 + 18 + data.credential_id.len() + 77);
        assert_eq!(data.public_key[0], 4);
    }
    if let Ok(certificate) = Certificate::parse(bytes) {
        let _ = (
            certificate.subject(),
            certificate.issuer(),
            certificate.validity(),
            certificate.p256_point(),
            certificate.nonce(),
        );
        let _ = (
            certificate.is_authority(),
            certificate.key_usage(),
            certificate.has_unknown_critical(),
        );
        let _ = certificate.is_signed_by(&certificate);
    }
});
