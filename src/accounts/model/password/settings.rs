//! The settings of passwords.

use std::fmt;

use zeroize::Zeroizing;

use crate::kernel::model::key_ring;
use crate::kernel::model::key_ring::Key;

/// The cost of a hash (RFC 9106 §3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Number of passes.
    pub passes: u32,
    /// Number of lanes.
    pub lanes: u32,
}

impl Argon2Cost {
    /// OWASP's first choice for interactive sign-in.
    pub const DEFAULT: Self = Self {
        memory: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
    /// The largest memory of a hash in KiB, also of an imported one. An isolate has 128 MB for all
    /// of its work.
    pub const MOST_MEMORY: u32 = 64 * 1024;
    /// The largest number of passes.
    pub const MOST_PASSES: u32 = 10;
    /// The largest number of lanes.
    pub const MOST_LANES: u32 = 4;

    /// Returns true if the cost is within the limits. An imported hash could demand four terabytes.
    #[must_use]
    pub const fn is_bearable(self) -> bool {
        self.memory <= Self::MOST_MEMORY
            && self.passes <= Self::MOST_PASSES
            && self.lanes <= Self::MOST_LANES
    }
}

/// `PASSWORD_PEPPER`: secret keys that every hash includes, so that a stolen database alone does
/// not allow guessing. The first key hashes, and all keys verify.
#[derive(Clone, Default)]
pub struct Pepper(Vec<Key>);

impl Pepper {
    /// Reads the setting: base64 of 32 bytes each, separated by commas.
    ///
    /// # Errors
    /// The problem with the setting, without its value.
    pub fn parse(text: &str, development: bool) -> Result<Self, &'static str> {
        let keys = key_ring::parse(text, b"hamrah-api password pepper id v1", development)?;
        // PHC strings write bytes in this alphabet.
        Ok(Self(
            keys.into_iter()
                .map(|key| Key {
                    id: key.id.replace('-', "+").replace('_', "/"),
                    ..key
                })
                .collect(),
        ))
    }

    /// Returns the key that hashes with its id, or `None` if no key is configured.
    #[must_use]
    pub fn current(&self) -> Option<(&str, &Zeroizing<[u8; 32]>)> {
        self.0.first().map(|key| (key.id.as_str(), &key.bytes))
    }

    /// Returns the key with an id.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<&Zeroizing<[u8; 32]>> {
        self.0.iter().find(|key| key.id == id).map(|key| &key.bytes)
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({} keys)", self.0.len())
    }
}

/// The settings of passwords.
#[derive(Clone, Debug)]
pub struct PasswordSettings {
    /// `PASSWORD_HASH_MEMORY_KIB`, `PASSWORD_HASH_PASSES`, `PASSWORD_HASH_LANES`.
    pub cost: Argon2Cost,
    /// `PASSWORD_PEPPER`.
    pub pepper: Pepper,
    /// `PASSWORD_MIN_LENGTH`: the smallest number of characters of a new password.
    pub min_length: usize,
    /// `PASSWORD_HASHES_AT_ONCE`: the largest number of password hashes that run or wait in one
    /// process. Further requests get `busy`.
    pub at_once: usize,
    /// `BREACHED_PASSWORDS_URL`: the service that returns leaked passwords by the first five digits
    /// of their hash. Unset: passwords are not checked against leaks.
    pub breached_url: Option<String>,
}
