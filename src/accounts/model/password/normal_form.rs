//! Unicode's normal form NFC (Unicode Standard Annex #15). It never changes for assigned
//! characters.

/// Returns the text in NFC.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn nfc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfc(text).collect()
}

/// Returns the text in NFC by the JavaScript engine, which has the tables. They would be 150 KB, an
/// eighth of the Worker's upload.
#[cfg(target_arch = "wasm32")]
pub(super) fn nfc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFC").into()
}
