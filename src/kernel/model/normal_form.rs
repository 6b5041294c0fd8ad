//! Unicode's normal forms NFC and NFKC (Unicode Standard Annex #15). They never change for assigned
//! characters.
//!
//! In the Worker the JavaScript engine has the tables. They would be 150 KB, an eighth of the
//! Worker's upload.

/// Returns the text in NFC.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn nfc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfc(text).collect()
}

/// Returns the text in NFC.
#[cfg(target_arch = "wasm32")]
pub(crate) fn nfc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFC").into()
}

/// Returns the text in NFKC, which also replaces characters of other width or form.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn nfkc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfkc(text).collect()
}

/// Returns the text in NFKC, which also replaces characters of other width or form.
#[cfg(target_arch = "wasm32")]
pub(crate) fn nfkc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFKC").into()
}
