//! Frames of a client of the relay. Any text is read, ignored or refused, and a refusal can be
//! written.
#![no_main]

use hamrah_api::relay::http::frames::read::{ReadFrame, read};
use hamrah_api::relay::http::frames::write::write_refusal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match read(text) {
        Ok(Some(ReadFrame::Send(sent))) => {
            assert!((1..=64).contains(&sent.draft.sender_token.len()));
            assert!((1..=64 * 1024).contains(&sent.draft.body.len()));
            if let Some(name) = &sent.label.reference {
                assert!((1..=128).contains(&name.len()));
            }
        }
        Ok(Some(ReadFrame::Ready(_)) | None) => {}
        Err(bad) => {
            let refusal: serde_json::Value =
                serde_json::from_str(&write_refusal(&bad)).expect("JSON");
            assert_eq!(refusal["type"], "Error");
            assert_eq!(refusal["payload"]["message"], bad.detail);
        }
    }
});
