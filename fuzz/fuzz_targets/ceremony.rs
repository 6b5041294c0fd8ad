//! Whole responses as JSON. Each is read and verified, or refused. No made-up response is accepted.
#![no_main]

use hamrah_api::accounts::domain::webauthn::Expected;
use hamrah_api::accounts::domain::webauthn::assertion::{self, StoredCredential};
use hamrah_api::accounts::domain::webauthn::cose::Algorithm;
use hamrah_api::accounts::domain::webauthn::json::{AuthenticationResponse, RegistrationResponse};
use hamrah_api::accounts::domain::webauthn::library::StoredPasskey;
use hamrah_api::accounts::domain::webauthn::registration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let origins = ["https://hamrah.app".to_owned()];
    // No input can know this challenge.
    let challenge = "0".repeat(63) + "!";
    let expected = Expected {
        rp_id: "hamrah.app",
        origins: &origins,
        loopback: false,
        challenge: &challenge,
        algorithms: &Algorithm::ALL,
    };
    if let Ok(response) = serde_json::from_slice::<RegistrationResponse>(bytes) {
        assert!(!registration::verify(&response, &expected).passed());
    }
    if let Ok(response) = serde_json::from_slice::<AuthenticationResponse>(bytes) {
        let passkey = StoredPasskey::unregistered().expect("a passkey");
        let known = StoredCredential {
            passkey: &passkey,
            counter: None,
            backup_eligible: None,
            allowed: None,
            user_handle: None,
        };
        // A challenge that the library can read; no input is signed with that key.
        let expected = Expected {
            challenge: &"0".repeat(64),
            ..expected
        };
        assert!(!assertion::verify(&response, &expected, &known).passed());
    }
});
