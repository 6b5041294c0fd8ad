//! Checks that a configured secret is long, random and not a published example.

/// Minimum length of a secret, in characters.
const MIN_SECRET_CHARS: usize = 32;
/// Minimum number of different characters. A random secret of 32 hexadecimal digits has about 14.
const MIN_SECRET_VARIETY: usize = 12;
/// Published values that look like secrets, in lower case, letters and digits only. The second is
/// the example of the Standard Webhooks.
const KNOWN_SECRETS: [&str; 2] = [
    "hamrahinternalservicekey2025",
    "mfkq9r8gkyqrtwjupd8ilpzio2lalasw",
];
/// Typical parts of invented secrets. One in about ten thousand random secrets of 43 characters has
/// one.
const MADE_UP: [&str; 14] = [
    "changeme",
    "example",
    "placeholder",
    "replace",
    "secret",
    "password",
    "internal",
    "apikey",
    "hamrah",
    "donotuse",
    "1234",
    "abcd",
    "qwer",
    "0000",
];

/// Returns the reason why a secret must not be used, or `None`. In development only published
/// values are refused.
pub(crate) fn weakness(secret: &str, development: bool) -> Option<&'static str> {
    let plain: String = secret
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    if KNOWN_SECRETS.iter().any(|known| plain.contains(known)) {
        return Some("holds a published example value");
    }
    let is_quote = |c: char| "\"'`“”‘’".contains(c);
    if secret.starts_with(is_quote) || secret.ends_with(is_quote) {
        return Some("holds a key in quotes: leave the quotes out");
    }
    // Clients send keys in a header.
    if !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Some("holds a key with characters that a header cannot carry");
    }
    if development {
        return None;
    }
    if secret.len() < MIN_SECRET_CHARS {
        return Some(
            "holds a key of fewer than 32 characters: `hamrah-api keys generate` makes one",
        );
    }
    let mut different = secret.as_bytes().to_vec();
    different.sort_unstable();
    different.dedup();
    let repeated = plain
        .split_at_checked(plain.len() / 2)
        .is_some_and(|(first, second)| first == second);
    let made_up = different.len() < MIN_SECRET_VARIETY
        || repeated
        || MADE_UP.iter().any(|part| plain.contains(part));
    made_up.then_some(
        "holds a key that is a placeholder or not random: `hamrah-api keys generate` makes one",
    )
}

/// Returns true if the bytes of a key are no random ones: a text, or bytes that repeat or count.
/// One in about a billion random keys of 32 bytes is refused too.
pub(crate) fn is_made_up(bytes: &[u8]) -> bool {
    let is_text = bytes
        .iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let counted = bytes
        .windows(2)
        .filter(|pair| matches!(pair, [one, next] if one.abs_diff(*next) <= 1))
        .count();
    let mut different = bytes.to_vec();
    different.sort_unstable();
    let kinds = different.chunk_by(u8::eq).count();
    is_text || kinds * 2 <= bytes.len() || counted * 2 > bytes.len()
}

/// Returns true if the base64 of a key consists of words, such as `correct-horse-battery-staple`.
/// One in about a hundred thousand random keys of 32 bytes is refused too.
pub(crate) fn is_words(text: &str) -> bool {
    let is_word = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let capitals = letters.bytes().filter(u8::is_ascii_uppercase).count();
        let is_text = letters.bytes().all(|byte| byte.is_ascii_alphabetic());
        // A word is in capitals, or has one. Words without a space between them have several.
        is_text && (capitals <= 1 || capitals == letters.len() || capitals * 3 <= letters.len())
    };
    text.trim_end_matches('=')
        .split(['-', '_', '+', '/'])
        .all(is_word)
}
