//! Imported PBKDF2 hashes (RFC 8018). They are stored as PHC strings:
//! `$pbkdf2-sha256$i=600000,l=32$`, the salt and the hash.

use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::accounts::domain::passwords::hash::text_form::{
    SaltedHash, decode, decode_hex, number, parameters, split,
};

/// The hash function below HMAC.
#[derive(Clone, Copy)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    fn parse(name: &str) -> Result<Self, &'static str> {
        match name {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err("password_hash must be PBKDF2 with SHA-1, SHA-256 or SHA-512"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The number of bytes that one block of PBKDF2 yields.
    const fn block_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The largest number of iterations of all blocks. Such a hash takes about a second at the
    /// edge. Django's default is within it.
    const fn most_iterations(self) -> u64 {
        match self {
            Self::Sha1 | Self::Sha256 => 1_500_000,
            Self::Sha512 => 500_000,
        }
    }
}

/// A hash of PBKDF2 with HMAC.
pub(super) struct Pbkdf2Hash {
    digest: Digest,
    iterations: u32,
    salted: SaltedHash,
}

impl Pbkdf2Hash {
    fn new(digest: Digest, iterations: u32, salted: SaltedHash) -> Result<Self, &'static str> {
        let blocks = salted.hash.len().div_ceil(digest.block_bytes());
        let work = u64::try_from(blocks)
            .unwrap_or(u64::MAX)
            .saturating_mul(iterations.into());
        if (1..=digest.most_iterations()).contains(&work) {
            Ok(Self {
                digest,
                iterations,
                salted,
            })
        } else {
            Err(
                "password_hash must have at most 1500000 iterations of PBKDF2, or 500000 with \
                 SHA-512, for all blocks of the hash together",
            )
        }
    }

    /// Reads a PHC string, the stored form, or passlib's form, which has the number of iterations
    /// alone and no name for SHA-1.
    pub(super) fn parse_phc(text: &str) -> Result<Self, &'static str> {
        let [_, name, cost, salt, hash] = split(text, '$')
            .ok_or("password_hash must be $pbkdf2-…$, the parameters, the salt and the hash")?;
        let digest = Digest::parse(name.strip_prefix("pbkdf2-").unwrap_or("sha1"))?;
        let salted = SaltedHash::new(decode(salt), decode(hash))?;
        let with_length = parameters(cost, ["i", "l"]);
        let iterations = match with_length {
            Some([iterations, _]) => Some(iterations),
            None => parameters(cost, ["i"])
                .map(|[iterations]| iterations)
                .or_else(|| number(cost)),
        };
        let iterations =
            iterations.ok_or("password_hash must have the parameter i once, and l at most once")?;
        if with_length.is_some_and(|[_, length]| usize::try_from(length) != Ok(salted.hash.len())) {
            return Err("password_hash must have the length of the hash as the parameter l");
        }
        Self::new(digest, iterations, salted)
    }

    /// Reads the form of Django: `pbkdf2_sha256$`, the iterations, the salt as text, and the hash
    /// in base64.
    pub(super) fn parse_django(text: &str) -> Result<Self, &'static str> {
        let [name, iterations, salt, hash] = split(text, '$')
            .ok_or("password_hash must be pbkdf2_…, the iterations, the salt and the hash")?;
        let digest = Digest::parse(name.strip_prefix("pbkdf2_").unwrap_or_default())?;
        let iterations =
            number(iterations).ok_or("password_hash must have the iterations as a number")?;
        let salted = SaltedHash::new(Some(salt.as_bytes().to_vec()), decode(hash))?;
        Self::new(digest, iterations, salted)
    }

    /// Reads the form of Werkzeug: `pbkdf2:sha256:600000$`, the salt as text, and the hash in
    /// hexadecimal.
    pub(super) fn parse_werkzeug(text: &str) -> Result<Self, &'static str> {
        const REFUSED: &str =
            "password_hash must be pbkdf2:digest:iterations, the salt and the hash";
        let [cost, salt, hash] = split(text, '$').ok_or(REFUSED)?;
        let [_, name, iterations] = split(cost, ':').ok_or(REFUSED)?;
        let salted = SaltedHash::new(Some(salt.as_bytes().to_vec()), decode_hex(hash))?;
        let iterations = number(iterations).ok_or(REFUSED)?;
        Self::new(Digest::parse(name)?, iterations, salted)
    }

    /// Returns the stored form.
    pub(super) fn to_text(&self) -> String {
        let (name, length) = (self.digest.name(), self.salted.hash.len());
        let (iterations, salted) = (self.iterations, self.salted.to_text());
        format!("$pbkdf2-{name}$i={iterations},l={length}${salted}")
    }

    /// Returns true if the password has this hash.
    pub(super) fn verifies(&self, password: &[u8]) -> bool {
        let SaltedHash { salt, hash } = &self.salted;
        let mut bytes = Zeroizing::new(vec![0; hash.len()]);
        match self.digest {
            Digest::Sha1 => {
                pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, self.iterations, &mut bytes);
            }
            Digest::Sha256 => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, self.iterations, &mut bytes);
            }
            Digest::Sha512 => {
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, self.iterations, &mut bytes);
            }
        }
        bytes.as_slice().ct_eq(hash).into()
    }
}
