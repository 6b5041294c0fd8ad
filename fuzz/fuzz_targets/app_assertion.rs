//! Assertions of App Attest. None verifies, because no seed is signed.
#![no_main]

use hamrah_api::accounts::domain::app_attest::assertion::{ExpectedAssertion, verify};
use hamrah_api::accounts::domain::app_attest::authenticator_data;
use libfuzzer_sys::fuzz_target;

/// The generator of P-256, with the private key 1. No seed is signed with it.
const KEY: [u8; 65] = [
    0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40,
    0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2,
    0x96, 0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E,
    0x16, 0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51,
    0xF5,
];

fuzz_target!(|bytes: &[u8]| {
    let expected = ExpectedAssertion {
        public_key: &KEY,
        app_id: "UR6RM9YCF7.app.hamrah.ios",
        client_data_hash: &[5; 32],
        previous_counter: 0,
        categories: &[],
    };
    assert!(!verify(bytes, &expected).passed());
    if let Ok(data) = authenticator_data::parse_assertion(bytes) {
        let extended = data.extensions.bundle_version.is_some()
            || data.extensions.validation_category.is_some();
        // The extensions are in the input.
        assert!(!extended || bytes.len() > 37);
    }
});
