//! Imported bcrypt hashes, as other services stored them: `$2b$10$` with 22 characters of the salt
//! and 31 of the hash.

use std::ops::RangeInclusive;

/// The accepted costs. A cost of 12 takes a quarter of a second.
pub(super) const BCRYPT_COSTS: RangeInclusive<u32> = 4..=12;
/// bcrypt's alphabet of base64, in the order of the values.
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SALT_CHARS: usize = 22;
const HASH_CHARS: usize = 31;

/// A bcrypt hash that some password has.
pub(super) struct BcryptHash {
    /// The binary logarithm of the number of rounds.
    pub(super) cost: u32,
    /// The hash without the unused bits.
    canonical: String,
}

impl BcryptHash {
    /// Reads a hash of version 2a, 2b or 2y. Returns `None` for any other text.
    ///
    /// The last characters of the salt and of the hash have bits to spare. Other implementations
    /// ignore them, and the library refuses them, so they are cleared.
    pub(super) fn parse(stored: &str) -> Option<Self> {
        let rest = ["$2a$", "$2b$", "$2y$"]
            .iter()
            .find_map(|version| stored.strip_prefix(version))?;
        let (cost, text) = rest.split_once('$')?;
        let is_cost = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let is_text = text.len() == SALT_CHARS + HASH_CHARS
            && text.bytes().all(|byte| ALPHABET.contains(&byte));
        if !is_cost || !is_text {
            return None;
        }
        let (salt, hash) = text.split_at(SALT_CHARS);
        Some(Self {
            cost: cost.parse().ok()?,
            canonical: format!("$2b${cost}${}{}", without(salt, 4)?, without(hash, 2)?),
        })
    }

    /// Returns true if the password has this hash. bcrypt reads at most 72 bytes of a password.
    /// After a successful sign-in the whole password is hashed again with Argon2id.
    pub(super) fn verifies(&self, password: &[u8]) -> bool {
        BCRYPT_COSTS.contains(&self.cost)
            && bcrypt::verify(password, &self.canonical).unwrap_or(false)
    }
}

/// Returns base64 with the lowest `bits` of its last character cleared.
fn without(text: &str, bits: u32) -> Option<String> {
    let (start, last) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let value = ALPHABET
        .iter()
        .position(|known| last.as_bytes() == [*known])?;
    let cleared = ALPHABET.get(value >> bits << bits)?;
    Some(format!("{start}{}", char::from(*cleared)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the test vectors of `crypt_blowfish`, for the password `U*U`.
    const KNOWN: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[test]
    fn unused_bits_do_not_matter() {
        let made = bcrypt::hash_with_salt("zebra-77", 4, [9; 16]).expect("a hash");
        let text = made.format_for_version(bcrypt::Version::TwoB);
        let at = "$2b$04$".len() + SALT_CHARS - 1;
        for position in [at, text.len() - 1] {
            let value = ALPHABET
                .iter()
                .position(|known| text.as_bytes()[position] == *known)
                .expect("a character");
            let mut other = text.clone().into_bytes();
            other[position] = ALPHABET[value | 1];
            let other = String::from_utf8(other).expect("ASCII");
            assert_ne!(other, text);
            let hash = BcryptHash::parse(&other).expect("a hash");
            assert!(hash.verifies(b"zebra-77") && !hash.verifies(b"zebra-78"));
        }
    }

    #[test]
    fn a_text_that_no_password_has_is_refused() {
        assert!(BcryptHash::parse(KNOWN).expect("a hash").verifies(b"U*U"));
        let (start, end) = KNOWN.split_at(30);
        for bad in [
            KNOWN.replacen("$2a$", "$2Y$", 1),
            KNOWN.replacen("$2a$", "$2c$", 1),
            KNOWN.replacen("$2a$", "$2x$", 1),
            KNOWN.replacen("$05$", "$5$", 1),
            KNOWN.replacen("$05$", "$+5$", 1),
            format!("{start} {}", &end[1..]),
            format!("{start}\n{}", &end[1..]),
            format!("{start}\0{}", &end[1..]),
            format!("{start}é{}", &end[2..]),
            format!("{start}={}", &end[1..]),
            format!("{KNOWN}."),
            KNOWN[..KNOWN.len() - 1].to_owned(),
        ] {
            assert!(BcryptHash::parse(&bad).is_none(), "{bad:?}");
        }
    }
}
