//! Imported hashes of Firebase's modified scrypt (github.com/firebase/scrypt).
//!
//! The hash is the signer key of the project, encrypted with AES-256-CTR under a key that scrypt
//! derives from the password. Stored is `$firebase-scrypt$ln=14,r=8$` with three texts in base64:
//! the salt with the project's separator behind it, the signer key, and the hash.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::accounts::domain::passwords::hash::scrypt_hash::ScryptCost;
use crate::accounts::domain::passwords::hash::text_form::{SaltedHash, decode, parameters, split};

/// The length of an AES-256 key in bytes.
const KEY_BYTES: usize = 32;

/// A hash of Firebase.
pub(super) struct FirebaseHash {
    cost: ScryptCost,
    salted: SaltedHash,
    signer_key: Zeroizing<Vec<u8>>,
}

impl FirebaseHash {
    /// Reads the stored form.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let [_, _, cost, salt, key, hash] = split(text, '$').ok_or(
            "password_hash must be $firebase-scrypt$, the parameters, the salt, the signer key and \
             the hash",
        )?;
        let [log_n, r] = parameters(cost, ["ln", "r"])
            .ok_or("password_hash must have each of the parameters ln and r once")?;
        let salted = SaltedHash::new(decode(salt), decode(hash))?;
        let signer_key = decode(key)
            .filter(|key| key.len() == salted.hash.len())
            .ok_or("password_hash must have a signer key as long as the hash")?;
        Ok(Self {
            cost: ScryptCost::new(log_n, r, 1)?,
            salted,
            signer_key: Zeroizing::new(signer_key),
        })
    }

    /// Returns true if the password has this hash.
    pub(super) fn verifies(&self, password: &[u8]) -> bool {
        self.hash_of(password)
            .is_some_and(|hash| hash.as_slice().ct_eq(&self.salted.hash).into())
    }

    fn hash_of(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.cost.derive(password, &self.salted.salt, KEY_BYTES)?;
        let mut cipher = Ctr128BE::<Aes256>::new_from_slices(&key, &[0; 16]).ok()?;
        let mut hash = self.signer_key.clone();
        cipher.try_apply_keystream(&mut hash).ok()?;
        Some(hash)
    }
}
