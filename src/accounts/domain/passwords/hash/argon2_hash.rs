//! Argon2 hashes (RFC 9106), stored as PHC strings: our own with Argon2id and a pepper, and those
//! of other services with Argon2id, Argon2i or Argon2d.

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::accounts::domain::passwords::hash::buffers;
use crate::accounts::model::password::{Argon2Cost, PasswordSettings};

/// The accepted lengths of an imported hash in bytes.
const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// A hash of Argon2, version 1.3.
pub(super) struct Argon2Hash {
    variant: Algorithm,
    params: Params,
    /// The id of the pepper.
    key_id: Option<String>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Argon2Hash {
    /// Reads a PHC string.
    ///
    /// # Errors
    /// The reason why the hash cannot be read or is too expensive.
    pub(super) fn parse(stored: &str) -> Result<Self, &'static str> {
        if !has_parameters_once(stored) {
            return Err("password_hash must have each of the parameters m, t and p once");
        }
        Self::read(stored).ok_or(
            "password_hash must be a PHC string of Argon2, version 19, of acceptable cost: at most \
             64 MiB, 10 passes and 4 lanes",
        )
    }

    fn read(stored: &str) -> Option<Self> {
        let phc = Phc::new(stored).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let (salt, hash) = (phc.salt?, phc.hash?);
        let read = Self {
            variant: Algorithm::new(phc.algorithm.as_str()).ok()?,
            key_id: key_id(stored).map(str::to_owned),
            salt: salt.to_vec(),
            hash: hash.as_bytes().to_vec(),
            params,
        };
        let ok = phc.version == Some(Version::V0x13.into())
            && HASH_BYTES.contains(&read.hash.len())
            && read.params.data().is_empty()
            && read.cost().is_bearable();
        ok.then_some(read)
    }

    fn cost(&self) -> Argon2Cost {
        Argon2Cost {
            memory: self.params.m_cost(),
            passes: self.params.t_cost(),
            lanes: self.params.p_cost(),
        }
    }

    /// Returns true if the hash is Argon2id with the current cost, the first pepper and `length`
    /// bytes.
    pub(super) fn is_current(&self, settings: &PasswordSettings, length: usize) -> bool {
        self.variant == Algorithm::Argon2id
            && self.cost() == settings.cost
            && self.hash.len() == length
            && self.key_id.as_deref() == settings.pepper.current().map(|(id, _)| id)
    }

    /// Returns true if the pepper of the hash is configured, or the hash has none.
    pub(super) fn has_known_pepper(&self, settings: &PasswordSettings) -> bool {
        self.key_id
            .as_deref()
            .is_none_or(|id| settings.pepper.of(id).is_some())
    }

    /// Returns true if the password has this hash.
    pub(super) fn verifies(&self, settings: &PasswordSettings, password: &[u8]) -> bool {
        self.matches(settings, password).unwrap_or(false)
    }

    fn matches(&self, settings: &PasswordSettings, password: &[u8]) -> Option<bool> {
        let pepper = match &self.key_id {
            Some(id) => Some(settings.pepper.of(id)?),
            None => None,
        };
        let argon2 = new(self.variant, self.params.clone(), pepper)?;
        let mut bytes = Zeroizing::new(vec![0; self.hash.len()]);
        buffers::hash_into(&argon2, settings, password, &self.salt, &mut bytes)?;
        Some(bytes.as_slice().ct_eq(&self.hash).into())
    }
}

/// Returns the hash function, or `None` if Argon2 refuses the pepper.
pub(super) fn new(
    variant: Algorithm,
    params: Params,
    pepper: Option<&Zeroizing<[u8; 32]>>,
) -> Option<Argon2<'_>> {
    match pepper {
        Some(key) => Argon2::new_with_secret(key.as_slice(), variant, Version::V0x13, params).ok(),
        None => Some(Argon2::new(variant, Version::V0x13, params)),
    }
}

/// Returns true if the PHC string names memory, passes and lanes, each once. The library fills in a
/// missing one.
fn has_parameters_once(stored: &str) -> bool {
    let parameters = stored.split('$').nth(3).unwrap_or_default();
    ["m", "t", "p"].iter().all(|name| {
        let named = parameters
            .split(',')
            .filter(|each| each.split('=').next() == Some(name));
        named.count() == 1
    })
}

/// Returns the id of the pepper in a hash.
fn key_id(stored: &str) -> Option<&str> {
    stored
        .split('$')
        .nth(3)?
        .split(',')
        .find_map(|param| param.strip_prefix("keyid="))
}
