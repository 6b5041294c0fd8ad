//! Configured keys of 32 random bytes for rotation: the first key encrypts or hashes, and all keys
//! decrypt or verify.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::kernel::model::base64;
use crate::kernel::model::strength::{is_made_up, is_words, weakness};

/// The problem of a text that is not a key.
const NOT_A_KEY: &str = "must be base64 of 32 random bytes, or several separated by commas with \
    the current one first: `hamrah-api keys generate` makes one";
/// The problem of a key that an attacker may guess.
const MADE_UP: &str = "holds a key that is a text, repeats or counts, and is not random: \
    `hamrah-api keys generate` makes one";
/// Bytes of a key's id. Argon2's `keyid` has room for at most 8.
const ID_BYTES: usize = 6;

/// A key of a ring.
#[derive(Clone)]
pub(crate) struct Key {
    /// The id, by which stored values name the key. It reveals nothing about the key.
    pub(crate) id: String,
    /// The secret key.
    pub(crate) bytes: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, …)", self.id)
    }
}

/// Reads a setting: base64 of 32 bytes each, separated by commas. `label` separates the ids of one
/// setting from those of another.
///
/// # Errors
/// The reason why the setting is invalid, never its value.
pub(crate) fn parse(text: &str, label: &[u8], development: bool) -> Result<Vec<Key>, &'static str> {
    let mut keys = Vec::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let bytes = base64::decode(part)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Zeroizing::new);
        let bytes = bytes.ok_or(NOT_A_KEY)?;
        if let Some(weakness) = weakness(part, development) {
            return Err(weakness);
        }
        if !development && (is_made_up(bytes.as_slice()) || is_words(part)) {
            return Err(MADE_UP);
        }
        let digest = Sha256::new()
            .chain_update(label)
            .chain_update(bytes.as_slice())
            .finalize();
        let id = base64::encode(digest.get(..ID_BYTES).unwrap_or_default());
        if keys.iter().any(|key: &Key| key.id == id) {
            return Err("has a key twice");
        }
        keys.push(Key { id, bytes });
    }
    if keys.is_empty() {
        Err("has no key in it")
    } else {
        Ok(keys)
    }
}
