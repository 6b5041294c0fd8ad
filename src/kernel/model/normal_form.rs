//! Unicode's normal forms (Unicode Standard Annex #15). They never change for assigned characters.
//!
//! In the Worker the JavaScript engine normalizes, because it has the tables. They would be 150 KB,
//! an eighth of the Worker's upload.

/// The digits zero of scripts whose digits are typed for numbers. The digits one to nine follow
/// each of them (Unicode, general category Nd).
const ZEROS: [char; 20] = [
    '\u{0660}', '\u{06F0}', '\u{07C0}', '\u{0966}', '\u{09E6}', '\u{0A66}', '\u{0AE6}', '\u{0B66}',
    '\u{0BE6}', '\u{0C66}', '\u{0CE6}', '\u{0D66}', '\u{0DE6}', '\u{0E50}', '\u{0ED0}', '\u{0F20}',
    '\u{1040}', '\u{17E0}', '\u{1810}', '\u{1946}',
];

/// Returns the ASCII digit of the same value, or `None` if the character is no digit of a known
/// script. Presentation forms of digits are ASCII in NFKC already.
pub(crate) fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii_digit() {
        return Some(c);
    }
    ZEROS.iter().find_map(|zero| {
        let digit = u32::from(c).checked_sub(u32::from(*zero))?;
        char::from_digit(digit, 10)
    })
}

/// Returns the text in NFKC, without case, and with the digits of all scripts in ASCII. Texts that
/// differ only in these ways have the same result.
pub(crate) fn folded(text: &str) -> String {
    nfkc(&uncased(&nfkc(text)))
        .chars()
        .map(|c| ascii_digit(c).unwrap_or(if c == 'ς' { 'σ' } else { c }))
        .collect()
}

/// Returns the text in lower case. By way of the upper case, in which `ß` is `SS`, and of the lower
/// case before, in which `ẞ` is `ß`.
#[cfg(not(target_arch = "wasm32"))]
fn uncased(text: &str) -> String {
    text.to_lowercase().to_uppercase().to_lowercase()
}

/// Returns the text in lower case. By way of the upper case, in which `ß` is `SS`, and of the lower
/// case before, in which `ẞ` is `ß`.
#[cfg(target_arch = "wasm32")]
fn uncased(text: &str) -> String {
    js_sys::JsString::from(text)
        .to_lower_case()
        .to_upper_case()
        .to_lower_case()
        .into()
}

/// Returns the text in NFC, in which equal texts have the same characters.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn nfc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfc(text).collect()
}

/// Returns the text in NFD, in which letters and their marks are separate characters.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn nfd(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfd(text).collect()
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

/// Returns the text in NFD, in which letters and their marks are separate characters.
#[cfg(target_arch = "wasm32")]
pub(crate) fn nfd(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFD").into()
}

/// Returns the text in NFKC, in which full-width and other presentation forms are plain characters.
#[cfg(target_arch = "wasm32")]
pub(crate) fn nfkc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFKC").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_zero_begins_ten_digits() {
        for zero in ZEROS {
            for value in 0..10 {
                let digit = char::from_u32(u32::from(zero) + value).expect("a character");
                assert!(digit.is_numeric(), "{zero:?} {value}");
                assert_eq!(ascii_digit(digit), char::from_digit(value, 10));
            }
        }
    }

    #[test]
    fn folded_texts_differ_in_no_case_width_or_digit() {
        for (one, other) in [
            ("ＡＢＣ１２", "abc12"),
            ("Straße", "STRASSE"),
            ("Straße", "STRAẞE"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσεύσ"),
            ("٧۷७", "777"),
            ("Ame\u{301}lie", "AMÉLIE"),
            ("ﬁ", "FI"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn every_folded_character_stays_as_it_is() {
        let characters = ('\0'..=char::MAX).filter(|c| c.is_alphanumeric());
        for character in characters {
            let once = folded(&character.to_string());
            assert_eq!(folded(&once), once, "{character:?}");
        }
    }

    proptest! {
        #[test]
        fn a_folded_text_stays_as_it_is(text in "\\PC{0,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once.clone());
        }
    }
}
