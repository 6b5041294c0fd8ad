//! Imported bcrypt hashes, as other services stored them: `$2b$10$` with 22 characters of the salt
//! and 31 of the hash.

use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};

use crate::accounts::domain::passwords::hash::text_form::number;

/// The accepted costs. A cost of 12 takes a quarter of a second.
const BCRYPT_COSTS: RangeInclusive<u32> = 4..=12;
/// bcrypt's alphabet of base64, in the order of the values.
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SALT_CHARS: usize = 22;
const HASH_CHARS: usize = 31;

/// A bcrypt hash that some password has.
pub(super) struct BcryptHash {
    /// The hash without the unused bits.
    canonical: String,
    /// Whether Django hashed the password with SHA-256 first.
    of_digest: bool,
}

impl BcryptHash {
    /// Reads a hash of version 2a, 2b or 2y, with `bcrypt_sha256$` before it if Django hashed the
    /// password first.
    ///
    /// Version 2x marks hashes of a faulty implementation, which no other one verifies. The last
    /// characters of the salt and of the hash have bits to spare. Other implementations ignore
    /// them, and the library refuses them, so they are cleared.
    ///
    /// # Errors
    /// The reason why the hash cannot be read or is too expensive.
    pub(super) fn parse(stored: &str) -> Result<Self, &'static str> {
        let hash = stored.strip_prefix("bcrypt_sha256$");
        let [cost, salt, key] = Self::parts(hash.unwrap_or(stored))
            .ok_or("password_hash must be a bcrypt hash of version 2a, 2b or 2y")?;
        if !number(&cost).is_some_and(|cost| BCRYPT_COSTS.contains(&cost)) {
            return Err("password_hash must have a bcrypt cost of 4 to 12");
        }
        Ok(Self {
            canonical: format!("$2b${cost}${salt}{key}"),
            of_digest: hash.is_some(),
        })
    }

    /// Returns the cost, the salt and the hash.
    fn parts(text: &str) -> Option<[String; 3]> {
        let rest = ["$2a$", "$2b$", "$2y$"]
            .iter()
            .find_map(|version| text.strip_prefix(version))?;
        let (cost, text) = rest.split_once('$')?;
        let is_text = text.len() == SALT_CHARS + HASH_CHARS
            && text.bytes().all(|byte| ALPHABET.contains(&byte));
        if !is_text || cost.len() != 2 {
            return None;
        }
        let (salt, hash) = text.split_at(SALT_CHARS);
        Some([cost.to_owned(), without(salt, 4)?, without(hash, 2)?])
    }

    /// Returns true if the password has this hash. bcrypt reads at most 72 bytes of a password.
    /// After a successful sign-in the whole password is hashed again with Argon2id.
    pub(super) fn verifies(&self, password: &[u8]) -> bool {
        let verified = if self.of_digest {
            let digest = base16ct::lower::encode_string(&Sha256::digest(password));
            bcrypt::verify(digest, &self.canonical)
        } else {
            bcrypt::verify(password, &self.canonical)
        };
        verified.unwrap_or(false)
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
            assert!(BcryptHash::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
