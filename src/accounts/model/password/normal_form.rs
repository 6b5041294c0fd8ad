//! Unicode's normal form NFC (Unicode Standard Annex #15), which never changes for what is
//! assigned.

/// The text in NFC.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn nfc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfc(text).collect()
}

/// The same by the engine, which has the tables: they are 150 KB, and an eighth of what is
/// uploaded.
#[cfg(target_arch = "wasm32")]
pub(super) fn nfc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFC").into()
}
