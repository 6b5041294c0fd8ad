//! Texts of clients and identity providers, checked for length and characters first.

use crate::kernel::model::category::Category;

/// Longest name of a person or a device, in characters.
pub const NAME_CHARS: usize = 200;
/// Longest URL, in bytes.
pub const URL_BYTES: usize = 2048;
/// Longest stored User-Agent and request id, in characters.
pub const STORED_CHARACTERS: usize = 256;
/// Longest subject identifier at a provider, in bytes (`OpenID` Connect Core §2 allows 255 ASCII
/// characters).
pub const SUBJECT_BYTES: usize = 255;

/// Returns the trimmed name: 1 to 200 characters, at least one of them visible, no control
/// characters or noncharacters. Returns `None` for any other text.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let ok = text.chars().count() <= NAME_CHARS
        && text.chars().all(is_printable)
        && text.chars().any(is_visible);
    ok.then(|| text.to_owned())
}

/// Returns a name without the characters that [`name`] refuses, cut to 200 characters. Returns
/// `None` if nothing is left.
///
/// This is for a claim of an identity provider, which must not refuse a sign-in.
#[must_use]
pub fn cleaned_name(text: &str) -> Option<String> {
    let spaced = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c });
    let kept: String = spaced.filter(|c| is_printable(*c)).collect();
    let words: Vec<&str> = kept.split_whitespace().collect();
    let cut: String = words.join(" ").chars().take(NAME_CHARS).collect();
    name(&cut)
}

/// Returns the URL of a picture: an absolute `https` URL of at most 2048 bytes in printable ASCII.
/// Returns `None` for any other text.
#[must_use]
pub fn picture(text: &str) -> Option<String> {
    if text.len() > URL_BYTES || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    // No quotes, angle brackets or backslashes, because clients put the URL into HTML. No userinfo,
    // because it could hold a password.
    let rest = text.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let ok =
        !host.is_empty() && !host.contains('@') && !rest.contains(['"', '\'', '<', '>', '\\', '`']);
    ok.then(|| text.to_owned())
}

/// Returns the name of a provider or a method in lower case: 1 to 64 characters of `[a-z0-9._-]`,
/// the first a letter or digit.
#[must_use]
pub fn slug(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let ok = (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
        });
    ok.then_some(text)
}

/// Returns a subject identifier: 1 to 255 printable ASCII characters, compared exactly (`OpenID`
/// Connect Core §2).
#[must_use]
pub fn subject(text: &str) -> Option<String> {
    ((1..=SUBJECT_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()))
        .then(|| text.to_owned())
}

/// Returns the User-Agent to store: printable ASCII, cut at 256 bytes. It is only a label, so an
/// unfit one is shortened or dropped, never refused.
#[must_use]
pub fn user_agent(text: &str) -> Option<String> {
    let kept: String = text
        .chars()
        .filter(|c| matches!(c, ' '..='~'))
        .take(STORED_CHARACTERS)
        .collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// Returns true unless the character is a control character, a noncharacter of Unicode, or one that
/// hides or reverses text.
///
/// The marks and joiners that Persian and Arabic need (U+200C to U+200F, U+061C) are allowed.
fn is_printable(c: char) -> bool {
    let code = u32::from(c);
    let noncharacter = (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE;
    let is_invisible = matches!(
        code,
        0x00AD | 0x034F | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180E | 0x200B
            | 0x2800 | 0x3164 | 0xFFA0 | 0xFEFF | 0xFFF9..=0xFFFB | 0xE0000..=0xE007F
    );
    let turns_text = matches!(code, 0x2028..=0x202E | 0x2060..=0x2069);
    !c.is_control() && !noncharacter && !is_invisible && !turns_text
}

/// Returns true unless a name of the character alone would look empty.
fn is_visible(c: char) -> bool {
    !c.is_whitespace() && Category::of(c) == Category::Other
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_for_people() {
        assert_eq!(
            name("  Zoë 🦊 ‌حمراه ").as_deref(),
            Some("Zoë 🦊 ‌حمراه"),
            "ZWNJ is Persian spelling"
        );
        for bad in [
            "",
            "   ",
            "a\0b",
            "a\u{FFFF}",
            "a\u{202E}b",
            "\u{200B}",
            "a\u{2028}b",
            "a\u{E0041}",
            "\u{200F}",
            "\u{200C}\u{200D}",
            "\u{FE0F}",
            "\u{0301}",
        ] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
        assert_eq!(name(&"x".repeat(201)), None);
        assert!(name("\u{200F}حمراه\u{200F}").is_some());
    }

    #[test]
    fn pictures_are_https() {
        assert!(picture("https://lh3.example/a/b?c=d").is_some());
        for bad in [
            "http://a/b",
            "https://",
            "https:///x",
            "javascript:alert(1)",
            "https://u:p@h/",
            "https://h/\"><script>",
            "https://h/ä",
        ] {
            assert_eq!(picture(bad), None, "{bad}");
        }
    }

    #[test]
    fn slugs_and_subjects() {
        assert_eq!(slug("Google").as_deref(), Some("google"));
        assert_eq!(slug(".."), None);
        assert_eq!(slug("a b"), None);
        assert_eq!(subject("001234.AbC").as_deref(), Some("001234.AbC"));
        assert_eq!(subject("é"), None);
    }

    proptest! {
        #[test]
        fn nothing_from_outside_panics(text in "\\PC{0,300}") {
            let _ = (name(&text), picture(&text), slug(&text), subject(&text), user_agent(&text));
        }
    }
}
