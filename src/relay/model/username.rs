//! Usernames of the relay.

/// The shortest username.
const FEWEST_CHARS: usize = 3;
/// The longest username.
const MOST_CHARS: usize = 32;

/// Returns the username if it is one: 3 to 32 letters, digits, `_` and `-` of ASCII.
#[must_use]
pub fn username(text: &str) -> Option<&str> {
    let fits = (FEWEST_CHARS..=MOST_CHARS).contains(&text.len());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (fits && text.bytes().all(allowed)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_short_and_plain() {
        for good in ["ada", "A-_9", &"x".repeat(32)] {
            assert_eq!(username(good), Some(good));
        }
        for bad in ["", "ab", &"x".repeat(33), "a b", "a.b", "adá", "ada\n"] {
            assert_eq!(username(bad), None, "{bad}");
        }
    }
}
