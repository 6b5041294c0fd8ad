//! Reads the names of the internal services and their keys.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::kernel::model::config::Reader;
use crate::kernel::model::strength::weakness;
use crate::kernel::model::text;

/// The key of an internal service, kept as its hash and compared in constant time.
#[derive(Clone)]
pub struct InternalKey([u8; 32]);

impl InternalKey {
    fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Returns true if `presented` is one of `keys`. Takes the same time for every wrong value.
    pub(crate) fn is_among(keys: &[Self], presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        // No early exit: every key is compared, also after a match.
        keys.iter().fold(0_u8, |found, key| {
            found | key.0.ct_eq(&presented).unwrap_u8()
        }) == 1
    }
}

impl fmt::Debug for InternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalKey(…)")
    }
}

impl Reader<'_> {
    pub(crate) fn services(&mut self) -> Vec<String> {
        let named = self.list("INTERNAL_SERVICES");
        if named
            .iter()
            .any(|name| text::slug(name).as_ref() != Some(name))
        {
            self.problem(
                "INTERNAL_SERVICES",
                "must be names of [a-z0-9._-], separated by commas",
            );
        }
        if named.is_empty() {
            vec!["hamrah-app".to_owned()]
        } else {
            named
        }
    }

    pub(crate) fn internal_keys(&mut self, development: bool) -> Vec<InternalKey> {
        let keys = self.list("INTERNAL_API_KEY");
        if keys.is_empty() {
            self.problem(
                "INTERNAL_API_KEY",
                "is not set (a secret of at least 32 random characters; `hamrah-api keys generate` \
                 makes one)",
            );
        }
        self.strong_keys("INTERNAL_API_KEY", &keys, development)
    }

    /// Reads the secret that creates the first administrator, if it is configured.
    pub(crate) fn bootstrap_secret(&mut self, development: bool) -> Option<InternalKey> {
        let secret: Vec<String> = self.get("BOOTSTRAP_SECRET").into_iter().collect();
        self.strong_keys("BOOTSTRAP_SECRET", &secret, development)
            .pop()
    }

    fn strong_keys(&mut self, name: &str, keys: &[String], development: bool) -> Vec<InternalKey> {
        for key in keys {
            if let Some(weakness) = weakness(key, development) {
                self.problem(name, weakness);
            }
        }
        keys.iter().map(|key| InternalKey::new(key)).collect()
    }
}
