//! Configured keys of 32 random bytes that are rotated: the first one makes, all of them read.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::kernel::model::base64;
use crate::kernel::model::strength::weakness;

/// Bytes of an id. They fit where Argon2's strings name a key (at most 8).
const ID_BYTES: usize = 6;

/// A key.
#[derive(Clone)]
pub(crate) struct Key {
    /// By which what it made is found again: it tells nothing of the key.
    pub(crate) id: String,
    /// The key itself.
    pub(crate) bytes: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, …)", self.id)
    }
}

/// Reads a setting: base64 of 32 bytes each, separated by commas. `label` is what tells ids of one setting from those of another.
///
/// # Errors
/// Why it cannot be used; never the value.
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
        let bytes = bytes.ok_or("must be base64 of 32 random bytes (several separated by commas: the first makes, all read)")?;
        if let Some(weakness) = weakness(part, development) {
            return Err(weakness);
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
