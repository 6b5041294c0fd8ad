//! What is configured about passwords.

use std::fmt;

use zeroize::Zeroizing;

use crate::kernel::model::key_ring;
use crate::kernel::model::key_ring::Key;

/// What a hash costs (RFC 9106 §3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Argon2Cost {
    /// KiB of memory.
    pub memory: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Argon2Cost {
    /// OWASP's first choice for interactive sign-in.
    pub const DEFAULT: Self = Self {
        memory: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
    /// Most memory that is given to a hash, ours or another's: an isolate has 128 MB for all it
    /// does.
    pub const MOST_MEMORY: u32 = 64 * 1024;
    /// Most passes.
    pub const MOST_PASSES: u32 = 10;
    /// Most lanes.
    pub const MOST_LANES: u32 = 4;

    /// Whether it can be afforded: a hash from elsewhere may ask for four terabytes.
    #[must_use]
    pub const fn is_bearable(self) -> bool {
        self.memory <= Self::MOST_MEMORY
            && self.passes <= Self::MOST_PASSES
            && self.lanes <= Self::MOST_LANES
    }
}

/// `PASSWORD_PEPPER`: keys without which a stolen database gives nobody anything to guess at. The
/// first one hashes, all verify.
#[derive(Clone, Default)]
pub struct Pepper(Vec<Key>);

impl Pepper {
    /// Reads the setting: base64 of 32 bytes each, separated by commas.
    ///
    /// # Errors
    /// Why it cannot be used; never the value.
    pub fn parse(text: &str, development: bool) -> Result<Self, &'static str> {
        let keys = key_ring::parse(text, b"hamrah-api password pepper id v1", development)?;
        // As PHC strings write bytes.
        Ok(Self(
            keys.into_iter()
                .map(|key| Key {
                    id: key.id.replace('-', "+").replace('_', "/"),
                    ..key
                })
                .collect(),
        ))
    }

    /// The key that hashes, with its id; none if none is configured.
    #[must_use]
    pub fn current(&self) -> Option<(&str, &Zeroizing<[u8; 32]>)> {
        self.0.first().map(|key| (key.id.as_str(), &key.bytes))
    }

    /// The key with an id.
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

/// What is configured about passwords.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `PASSWORD_HASH_MEMORY_KIB`, `PASSWORD_HASH_PASSES`, `PASSWORD_HASH_LANES`.
    pub cost: Argon2Cost,
    /// `PASSWORD_PEPPER`.
    pub pepper: Pepper,
    /// `PASSWORD_MIN_LENGTH`: shortest password that may be chosen, in characters.
    pub min_length: usize,
    /// `PASSWORD_HASHES_AT_ONCE`: as many are worked on or waited for at a time in one process;
    /// more are told to come again.
    pub at_once: usize,
    /// `BREACHED_PASSWORDS_URL`: where the range of leaked passwords with the same five digits is
    /// asked for; not asked if unset.
    pub breached_url: Option<String>,
}
