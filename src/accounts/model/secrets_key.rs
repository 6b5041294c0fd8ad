//! The keys that encrypt secrets which must be read again, such as those of TOTP. The cipher is
//! AES-256-GCM. The first key encrypts, and all keys decrypt.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use std::fmt;
use zeroize::Zeroizing;

use crate::kernel::model::base64;
use crate::kernel::model::key_ring;
use crate::kernel::model::key_ring::Key;

/// The number of bytes of a nonce (NIST SP 800-38D §8.2.2). Every encryption has a new random
/// nonce.
pub const NONCE_BYTES: usize = 12;

/// `SECRETS_KEY`: one key, or several separated by commas while they are rotated.
#[derive(Clone)]
pub struct SecretsKeys {
    keys: Vec<Key>,
    /// A sealed text for accounts without a secret, so that a check takes as long as with one.
    decoy: String,
}

/// The account in whose name the decoy is sealed. No user id has this form.
const DECOY_ACCOUNT: &str = "decoy";

impl SecretsKeys {
    /// Reads the setting: base64 of 32 bytes each.
    ///
    /// # Errors
    /// The problem with the setting, without its value.
    pub fn parse(text: &str, development: bool) -> Result<Self, &'static str> {
        let keys = key_ring::parse(text, b"hamrah-api secrets key id v1", development)?;
        // The nonce may be constant here, because it always encrypts the same text, which never
        // leaves the process.
        let decoy = Self {
            keys,
            decoy: String::new(),
        };
        let sealed = decoy
            .seal(DECOY_ACCOUNT, &[0; 20], [0; NONCE_BYTES])
            .unwrap_or_default();
        Ok(Self {
            decoy: sealed,
            ..decoy
        })
    }

    /// Encrypts a secret for the account `about`. It cannot be decrypted in the row of another
    /// account.
    #[must_use]
    pub fn seal(&self, about: &str, secret: &[u8], nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let key = self.keys.first()?;
        let sealed = cipher(key)?
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: secret,
                    aad: about.as_bytes(),
                },
            )
            .ok()?;
        Some(format!(
            "{}.{}.{}",
            key.id,
            base64::encode(nonce),
            base64::encode(sealed)
        ))
    }

    /// Decrypts a text of [`Self::seal`]. Returns `None` if it belongs to another account, was
    /// changed, or its key is not configured.
    #[must_use]
    pub fn open(&self, about: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (id, rest) = sealed.split_once('.')?;
        let (nonce, text) = rest.split_once('.')?;
        let nonce: [u8; NONCE_BYTES] = base64::decode(nonce)?.try_into().ok()?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        let payload = Payload {
            msg: &base64::decode(text)?,
            aad: about.as_bytes(),
        };
        cipher(key)?
            .decrypt(&Nonce::from(nonce), payload)
            .ok()
            .map(Zeroizing::new)
    }

    /// Decrypts the decoy, which takes as long as [`Self::open`] for a secret of 20 bytes.
    #[must_use]
    pub fn open_decoy(&self) -> Zeroizing<Vec<u8>> {
        self.open(DECOY_ACCOUNT, &self.decoy).unwrap_or_default()
    }

    /// Returns the ids of the keys, the encrypting key first. Every sealed text begins with the id
    /// of its key.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id.as_str())
    }

    /// Returns the bytes of the keys, the encrypting key first.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.keys.iter().map(|key| &*key.bytes)
    }

    /// Returns the ranges of texts that a key other than the first has sealed, each with its start
    /// and its end.
    pub fn retired(&self) -> impl Iterator<Item = (String, String)> + '_ {
        // `/` is the character after the dot.
        self.keys
            .iter()
            .skip(1)
            .map(|key| (format!("{}.", key.id), format!("{}/", key.id)))
    }
}

fn cipher(key: &Key) -> Option<Aes256Gcm> {
    Aes256Gcm::new_from_slice(key.bytes.as_slice()).ok()
}

impl fmt::Debug for SecretsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "kF3nS8xQ1vZ0bT7yLw2uRc9mHd5pJa6eGiOqXfVtYsE";
    const SECOND: &str = "Zp4rW7aTq9LmX2cVb8NfHk3sJd6yGu1oEiRwQzTxYv0";

    fn keys(text: &str) -> SecretsKeys {
        SecretsKeys::parse(text, true).expect("keys")
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_for_its_owner_and_nobody_else() {
        let old = keys(FIRST);
        let sealed = old.seal("ada", b"secret", [7; 12]).expect("sealed");
        assert_eq!(
            old.open("ada", &sealed).as_deref().map(Vec::as_slice),
            Some(b"secret".as_slice())
        );
        assert!(old.open("bob", &sealed).is_none());
        assert!(keys(SECOND).open("ada", &sealed).is_none());
        let rotated = keys(&format!("{SECOND},{FIRST}"));
        assert!(rotated.open("ada", &sealed).is_some());
        let retired: Vec<_> = rotated.retired().collect();
        assert!(
            matches!(retired.as_slice(), [(from, to)] if *from <= sealed && sealed < *to)
                && old.retired().next().is_none()
        );
        let anew = rotated.seal("ada", b"secret", [8; 12]).expect("sealed");
        assert!(retired.iter().all(|(from, to)| anew < *from || anew >= *to));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(
                old.open("ada", &changed).is_none() || changed == sealed,
                "{index}"
            );
        }
    }

    #[test]
    fn an_invalid_key_is_refused() {
        for bad in [
            "",
            ",",
            "AAAA",
            "not base64!",
            &FIRST[1..],
            &format!("{FIRST},{FIRST}"),
        ] {
            assert!(SecretsKeys::parse(bad, false).is_err(), "{bad}");
        }
        assert!(SecretsKeys::parse(&"A".repeat(43), false).is_err());
    }
}
