//! Attestation objects, and the authenticator data inside them.
#![no_main]

use hamrah_api::accounts::domain::webauthn::{attestation, authenticator_data};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(object) = attestation::parse(bytes) {
        let _ = (object.is_known(), object.check_shape());
        let _ = authenticator_data::parse_registration(&object.auth_data);
    }
});
