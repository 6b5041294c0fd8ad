//! The client data. Any bytes are read or refused, and the read values are those of the JSON.
#![no_main]

use hamrah_api::accounts::domain::webauthn::client_data::{decode, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes) else { return };
    // Ignored members may hold numbers that no type holds, so a readable text need not be a
    // `Value`.
    if let (Ok(data), Ok(json)) = (parse(text), serde_json::from_str::<serde_json::Value>(text)) {
        assert_eq!(json["type"], data.kind);
        assert_eq!(json["challenge"], data.challenge);
        assert_eq!(json["origin"], data.origin);
    }
});
