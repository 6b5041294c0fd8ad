//! Names without look-alikes (Unicode Technical Standard 39).
//!
//! A name is in the normal form NFKC, so no character has a double of another width or form. Its
//! letters are of one script, so no Cyrillic letter replaces a Latin one. Latin and the scripts
//! of East Asia may be mixed ("Highly Restrictive", UTS 39 §5.2).

use crate::kernel::model::normal_form;

/// The script of a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    /// No letter, or a character that several scripts use.
    Common,
    Latin,
    EastAsian,
    /// Another script, by the first character of its block.
    Other(u32),
    /// A character that names do not need: phonetic, for private use, or invisible.
    Restricted,
}

impl Script {
    fn of(c: char) -> Self {
        match u32::from(c) {
            0x0041..=0x005A | 0x0061..=0x007A | 0x00C0..=0x024F | 0x1E00..=0x1EFF => Self::Latin,
            0x0250..=0x02FF
            | 0x070F
            | 0x180B..=0x180F
            | 0x1D00..=0x1DBF
            | 0x200B..=0x200F
            | 0x2060..=0x206F
            | 0x20D0..=0x20FF
            | 0x2C60..=0x2C7F
            | 0xA720..=0xA7FF
            | 0xAB30..=0xAB6F
            | 0xE000..=0xF8FF
            | 0xFE00..=0xFE0F
            | 0xFFF0..=0xFFFD
            | 0x110BD
            | 0x13430..=0x13455
            | 0x16FE4
            | 0x1BCA0..=0x1BCA3
            | 0x1D159
            | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF
            | 0xF0000..=0x0010_FFFF => Self::Restricted,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Self::Other(0x0370),
            0x0400..=0x052F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => {
                Self::Other(0x0400)
            }
            0x0600..=0x06FF | 0x0750..=0x077F | 0x08A0..=0x08FF => Self::Other(0x0600),
            0x1100..=0x11FF
            | 0x3005..=0x3007
            | 0x3040..=0x31FF
            | 0x3400..=0x9FFF
            | 0xA960..=0xA97F
            | 0xAC00..=0xD7FF
            | 0xF900..=0xFAFF
            | 0x20000..=0x3FFFF => Self::EastAsian,
            code if c.is_alphabetic() => Self::Other(code & !0x7F),
            _ => Self::Common,
        }
    }
}

/// Returns true if the text has the form of a name without look-alikes.
pub(super) fn is_plain(text: &str) -> bool {
    let mut first = None;
    let one_script = text.chars().map(Script::of).all(|script| match script {
        Script::Common => true,
        Script::Restricted => false,
        Script::Latin | Script::EastAsian | Script::Other(_) => {
            let mixes = |a, b| a == Script::Latin && b == Script::EastAsian;
            let known = *first.get_or_insert(script);
            known == script || mixes(known, script) || mixes(script, known)
        }
    });
    one_script && has_one_kind_of_digits(text) && normal_form::nfkc(text) == text
}

/// Returns true if all digits of the text are of one script. Each script's digits are together in
/// one block of 16 characters.
fn has_one_kind_of_digits(text: &str) -> bool {
    let mut kinds = text
        .chars()
        .filter(|c| c.is_numeric())
        .map(|c| u32::from(c) & !0xF);
    let first = kinds.next();
    kinds.all(|kind| Some(kind) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_refused() {
        for text in [
            "ａｕｔｈ",
            "аuth",
            "auth․administer",
            "Αdmin",
            "ɑuth",
            "ﬁle",
            "cafe\u{301}",
            "orders\u{FE00}",
            "orders\u{FE0F}",
            "orders\u{180F}",
            "orders\u{206A}",
            "orders\u{E0100}",
            "orders\u{E0FFF}",
            "orders\u{1D173}",
            "orders\u{FFFC}",
            "orders\u{20DD}",
            "12\u{663}",
        ] {
            assert!(!is_plain(text), "{text}");
        }
        for text in [
            "Café no. 7",
            "Склад 3",
            "倉庫 A",
            "창고",
            "انبار",
            "गोदाम",
            "read:all 🦊",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }
}
