//! Codes that an account owner types or pastes: TOTP codes and backup codes.
//!
//! Keyboards of many scripts have digits of their own, and mail and word processors add spaces,
//! other dashes and invisible characters.

use std::fmt;

use zeroize::Zeroizing;

use crate::kernel::model::normal_form::{ascii_digit, nfkc};

/// The maximum length of what is read, in bytes.
const MAX_BYTES: usize = 256;
/// The digits of a TOTP code.
const TOTP_DIGITS: usize = 6;

/// Returns the characters of a code in ASCII, without spaces, separators and invisible characters.
/// Returns `None` if another character is left.
pub(crate) fn typed(text: &str) -> Option<Zeroizing<String>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    // NFKC turns full-width and other presentation forms into ASCII.
    let plain = Zeroizing::new(nfkc(text));
    let read = plain.chars().filter(|c| !is_separator(*c)).map(ascii);
    read.collect::<Option<String>>().map(Zeroizing::new)
}

/// Returns true for spaces, dashes, dots and characters without a shape.
fn is_separator(c: char) -> bool {
    let dashes_and_dots = matches!(
        c,
        '-' | '_' | '.' | ',' | '·' | '\u{058A}' | '\u{2010}'
            ..='\u{2015}' | '\u{2043}' | '\u{2212}'
    );
    let formats = matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{FEFF}' | '\u{200B}'..='\u{200F}'
    );
    let directions = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}');
    let variants = matches!(c, '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}');
    let invisible = formats || directions || variants;
    dashes_and_dots || invisible || c.is_whitespace() || c.is_control()
}

fn ascii(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    ascii_digit(c)
}

/// A code of six digits from an authenticator app.
pub struct TotpCode(Zeroizing<String>);

impl TotpCode {
    /// Reads a code that the account owner typed. Returns `None` for any other text, which cannot
    /// be a guess.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = typed(text)?;
        let is_code = code.len() == TOTP_DIGITS && code.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(code))
    }

    /// Returns the six digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_every_way_of_typing_it() {
        for text in [
            "012345",
            " 012 345 ",
            "012-345",
            "012\u{2011}345",
            "012\u{2212}345",
            "012.345",
            "\u{200E}012\u{00A0}345\u{200F}",
            "\u{FEFF}012345\r\n",
            "0\u{200B}1\u{200B}2345",
            "\u{0660}\u{0661}\u{0662}\u{0663}\u{0664}\u{0665}",
            "\u{06F0}\u{06F1}\u{06F2}\u{06F3}\u{06F4}\u{06F5}",
            "\u{FF10}\u{FF11}\u{FF12}\u{FF13}\u{FF14}\u{FF15}",
            "\u{0966}\u{0967}\u{0968}345",
        ] {
            let code = TotpCode::parse(text).expect(text);
            assert_eq!(code.as_str(), "012345", "{text:?}");
        }
    }

    #[test]
    fn any_other_text_is_not_a_code() {
        for text in [
            "",
            "01234",
            "0123456",
            "01234a",
            "ABCDEF",
            "01234\u{4E94}",
            "012345 6",
            "½1234",
        ] {
            assert!(TotpCode::parse(text).is_none(), "{text:?}");
        }
        assert!(TotpCode::parse(&" ".repeat(300)).is_none());
    }
}
