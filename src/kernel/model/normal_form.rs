//! Unicode's normal forms (Unicode Standard Annex #15). They never change for assigned characters.
//!
//! In the Worker the JavaScript engine normalizes, because it has the tables. They would be 150 KB,
//! an eighth of the Worker's upload.

/// Returns the text in NFC, in which equal texts have the same characters.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn nfc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfc(text).collect()
}

/// Returns the text in NFKC, in which full-width and other presentation forms are plain characters.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn nfkc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfkc(text).collect()
}

/// Returns the text in NFC, in which equal texts have the same characters.
#[cfg(target_arch = "wasm32")]
pub(crate) fn nfc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFC").into()
}

/// Returns the text in NFKC, in which full-width and other presentation forms are plain characters.
#[cfg(target_arch = "wasm32")]
pub(crate) fn nfkc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFKC").into()
}
