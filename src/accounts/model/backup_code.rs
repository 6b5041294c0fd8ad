//! Backup codes: 80 bits each, written in sixteen characters that are not easily confused.

use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

use crate::accounts::model::typed_code::typed;
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;

/// Crockford's base32: no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The entropy of a code in bytes.
pub const CODE_BYTES: usize = 10;
const CODE_CHARS: usize = 16;

/// A code, without its dashes.
pub struct BackupCode(Zeroizing<String>);

impl BackupCode {
    /// Creates a code from 80 bits of entropy.
    #[must_use]
    pub fn from_bytes(bytes: [u8; CODE_BYTES]) -> Self {
        let number = bytes
            .iter()
            .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        let digit = |index: usize| {
            usize::try_from((number >> (5 * (CODE_CHARS - 1 - index))) & 31).unwrap_or_default()
        };
        let text = (0..CODE_CHARS)
            .filter_map(|index| ALPHABET.get(digit(index)))
            .map(|byte| char::from(*byte))
            .collect();
        Self(Zeroizing::new(text))
    }

    /// Reads a code that the account owner typed. Case, spaces, dashes and invisible characters are
    /// ignored. I and L count as 1, and O as 0.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let read = |c: char| match c.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        };
        let code: String = typed(text)?.chars().map(read).collect();
        let ok = code.len() == CODE_CHARS && code.bytes().all(|byte| ALPHABET.contains(&byte));
        ok.then(|| Self(Zeroizing::new(code)))
    }

    /// Returns the code for its owner: four groups of four characters.
    #[must_use]
    pub fn reveal(&self) -> String {
        let characters: Vec<char> = self.0.chars().collect();
        characters
            .chunks(4)
            .map(String::from_iter)
            .collect::<Vec<_>>()
            .join("-")
    }

    /// Returns the hash that the database stores for the account `user`.
    #[must_use]
    pub fn hash(&self, owner: UserId) -> String {
        let digest = Sha256::new()
            .chain_update(b"hamrah-api backup code v1")
            .chain_update(owner.to_string())
            .chain_update(self.0.as_bytes());
        base64::encode(digest.finalize())
    }
}

impl fmt::Debug for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_are_copied() {
        let code = BackupCode::from_bytes([0xFF, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let shown = code.reveal();
        assert_eq!(shown.len(), 19);
        let owner = UserId::from_random([1; 16]);
        let hash = code.hash(owner);
        for text in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            shown.replace('-', "\u{2013}"),
            format!("\u{feff}{}\u{200b}", shown.replace('-', "")),
            shown.replace('0', "\u{ff10}"),
            shown.replace('0', "o").replace('1', "l"),
        ] {
            assert_eq!(
                BackupCode::parse(&text).expect("a code").hash(owner),
                hash,
                "{text}"
            );
        }
        assert_ne!(code.hash(UserId::from_random([2; 16])), hash);
        for bad in [
            "",
            "0000-0000-0000-000",
            "0000-0000-0000-0000-0",
            "UUUU-0000-0000-0000",
            "½000-0000-0000-0000",
        ] {
            assert!(BackupCode::parse(bad).is_none(), "{bad}");
        }
    }
}
