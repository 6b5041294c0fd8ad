//! Imported scrypt hashes (RFC 7914). They are stored as PHC strings: `$scrypt$ln=14,r=8,p=1$`, the
//! salt and the hash.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::accounts::domain::passwords::hash::text_form::{
    SaltedHash, decode, decode_hex, number, parameters, split,
};

/// The largest memory of a hash in bytes, as for Argon2.
const MOST_MEMORY: u64 = 64 * 1024 * 1024;
/// The largest product of N, r and p. Such a hash takes a third of a second at the edge.
const MOST_WORK: u64 = 1 << 19;

/// The cost of a hash.
pub(super) struct ScryptCost {
    /// The binary logarithm of N.
    log_n: u32,
    r: u32,
    p: u32,
    params: scrypt::Params,
}

impl ScryptCost {
    /// Returns the reason if the cost is too high or impossible.
    pub(super) fn new(log_n: u32, r: u32, p: u32) -> Result<Self, &'static str> {
        const REFUSED: &str =
            "password_hash must have a scrypt cost of at most 64 MiB and N * r * p <= 524288";
        if !(1..=20).contains(&log_n) {
            return Err(REFUSED);
        }
        let blocks = (1_u64 << log_n).saturating_mul(r.into());
        let is_bearable = blocks.saturating_mul(128) <= MOST_MEMORY
            && blocks.saturating_mul(p.into()) <= MOST_WORK;
        if !is_bearable {
            return Err(REFUSED);
        }
        let log = u8::try_from(log_n).map_err(|_| REFUSED)?;
        let params = scrypt::Params::new(log, r, p).map_err(|_| REFUSED)?;
        Ok(Self {
            log_n,
            r,
            p,
            params,
        })
    }

    /// Returns `length` bytes for a password.
    pub(super) fn derive(
        &self,
        password: &[u8],
        salt: &[u8],
        length: usize,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        scrypt::scrypt(password, salt, &self.params, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// A hash of scrypt.
pub(super) struct ScryptHash {
    cost: ScryptCost,
    salted: SaltedHash,
}

impl ScryptHash {
    /// Reads a PHC string, the stored form.
    pub(super) fn parse_phc(text: &str) -> Result<Self, &'static str> {
        let [_, _, cost, salt, hash] = split(text, '$')
            .ok_or("password_hash must be $scrypt$, the parameters, the salt and the hash")?;
        let [log_n, r, p] = parameters(cost, ["ln", "r", "p"])
            .ok_or("password_hash must have each of the parameters ln, r and p once")?;
        Ok(Self {
            cost: ScryptCost::new(log_n, r, p)?,
            salted: SaltedHash::new(decode(salt), decode(hash))?,
        })
    }

    /// Reads the form of better-auth: the salt and the hash in hexadecimal, with a colon between
    /// them. The digits of the salt are the salt, not the bytes that they encode.
    pub(super) fn parse_better_auth(text: &str) -> Result<Self, &'static str> {
        const REFUSED: &str = "password_hash has a form that is not accepted (docs/PASSWORDS.md)";
        let [salt, hash] = split(text, ':').ok_or(REFUSED)?;
        let (digits, key) = (decode_hex(salt), decode_hex(hash));
        if digits.is_none() || key.as_ref().is_none_or(|key| key.len() != 64) {
            return Err(REFUSED);
        }
        Ok(Self {
            cost: ScryptCost::new(14, 16, 1)?,
            salted: SaltedHash::new(Some(salt.as_bytes().to_vec()), key)?,
        })
    }

    /// Reads the form of Werkzeug: `scrypt:32768:8:1$`, the salt as text, and the hash in
    /// hexadecimal.
    pub(super) fn parse_werkzeug(text: &str) -> Result<Self, &'static str> {
        const REFUSED: &str = "password_hash must be scrypt:N:r:p, the salt and the hash";
        let [cost, salt, hash] = split(text, '$').ok_or(REFUSED)?;
        let [_, n, r, p] = split(cost, ':').ok_or(REFUSED)?;
        Ok(Self {
            cost: decimal_cost(n, r, p)?,
            salted: SaltedHash::new(Some(salt.as_bytes().to_vec()), decode_hex(hash))?,
        })
    }

    /// Reads the form of Django: `scrypt$`, the salt as text, N, r and p, and the hash in base64.
    pub(super) fn parse_django(text: &str) -> Result<Self, &'static str> {
        let [_, salt, n, r, p, hash] = split(text, '$')
            .ok_or("password_hash must be scrypt, the salt, N, r, p and the hash")?;
        Ok(Self {
            cost: decimal_cost(n, r, p)?,
            salted: SaltedHash::new(Some(salt.as_bytes().to_vec()), decode(hash))?,
        })
    }

    /// Returns the stored form.
    pub(super) fn to_text(&self) -> String {
        let ScryptCost { log_n, r, p, .. } = self.cost;
        format!("$scrypt$ln={log_n},r={r},p={p}${}", self.salted.to_text())
    }

    /// Returns true if the password has this hash.
    pub(super) fn verifies(&self, password: &[u8]) -> bool {
        let SaltedHash { salt, hash } = &self.salted;
        self.cost
            .derive(password, salt, hash.len())
            .is_some_and(|bytes| bytes.as_slice().ct_eq(hash).into())
    }
}

/// Reads a cost whose N is written out.
fn decimal_cost(n: &str, r: &str, p: &str) -> Result<ScryptCost, &'static str> {
    let n = number(n).filter(|n| n.is_power_of_two());
    match (n, number(r), number(p)) {
        (Some(n), Some(r), Some(p)) => ScryptCost::new(n.ilog2(), r, p),
        _ => Err("password_hash must have N, r and p as numbers, and N as a power of two"),
    }
}
