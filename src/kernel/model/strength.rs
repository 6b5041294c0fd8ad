//! Whether a configured secret is one: long, random, and not published anywhere.

/// Shortest secret that is accepted, in characters.
const MIN_SECRET_CHARS: usize = 32;
/// Fewest different characters in an accepted secret; 32 random ones of 16 have about 14.
const MIN_SECRET_VARIETY: usize = 12;
/// Published values that look like secrets, in lower case, letters and digits only.
// The second is the example of the Standard Webhooks.
const KNOWN_SECRETS: [&str; 2] = [
    "hamrahinternalservicekey2025",
    "mfkq9r8gkyqrtwjupd8ilpzio2lalasw",
];
/// Of what made-up secrets are made; a random one of 43 characters holds one of these once in some ten thousand.
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

/// Why a secret must not be used, or `None`. Development is told of values that everybody knows and of none else.
pub(crate) fn weakness(secret: &str, development: bool) -> Option<&'static str> {
    let plain: String = secret
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    if KNOWN_SECRETS.iter().any(|known| plain.contains(known)) {
        return Some("holds a published example value");
    }
    // Keys travel in a header.
    if !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Some("holds a key with characters that a header cannot carry");
    }
    if development {
        return None;
    }
    if secret.len() < MIN_SECRET_CHARS {
        return Some("holds a key of fewer than 32 characters");
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
    made_up.then_some("holds a key that is a placeholder or not random")
}
