//! Public keys. A readable key has the algorithm that it names, is kept unchanged, and verifies no
//! unsigned message.
#![no_main]

use hamrah_api::accounts::domain::webauthn::cose::{Algorithm, PublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::parse(bytes) {
        assert_eq!(key.bytes, bytes);
        assert!(Algorithm::ALL.contains(&key.algorithm));
        for signature in [&[][..], &[0; 64], &[0; 256], bytes] {
            assert!(!key.verifies(b"an unsigned message", signature));
        }
    }
});
