//! The parts of a stored hash: numbers, parameters and encoded bytes.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::kernel::model::base64;

/// The accepted lengths of the salt of an imported hash in bytes.
const SALT_BYTES: std::ops::RangeInclusive<usize> = 1..=256;
/// The accepted lengths of an imported hash in bytes.
const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

/// A salt and a hash of acceptable length.
pub(super) struct SaltedHash {
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

impl SaltedHash {
    /// Returns the reason if a part is missing, or is too short or too long.
    pub(super) fn new(salt: Option<Vec<u8>>, hash: Option<Vec<u8>>) -> Result<Self, &'static str> {
        let salt = salt.filter(|salt| SALT_BYTES.contains(&salt.len()));
        let hash = hash.filter(|hash| HASH_BYTES.contains(&hash.len()));
        Ok(Self {
            salt: salt.ok_or("password_hash must have an encoded salt of 1 to 256 bytes")?,
            hash: hash.ok_or("password_hash must have an encoded hash of 16 to 128 bytes")?,
        })
    }

    /// Returns the end of a PHC string.
    pub(super) fn to_text(&self) -> String {
        format!("{}${}", encode(&self.salt), encode(&self.hash))
    }
}

/// Splits a text at each `mark` into exactly `N` parts.
pub(super) fn split<const N: usize>(text: &str, mark: char) -> Option<[&str; N]> {
    let parts: Vec<&str> = text.split(mark).collect();
    parts.try_into().ok()
}

/// Reads a decimal number without a sign.
pub(super) fn number(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// Reads the parameters of a PHC string. Returns `None` unless each of `names` appears once, and no
/// other.
pub(super) fn parameters<const N: usize>(text: &str, names: [&str; N]) -> Option<[u32; N]> {
    let given: Vec<&str> = text.split(',').collect();
    let mut values = [0; N];
    for (name, value) in names.into_iter().zip(&mut values) {
        let mut of_name = given
            .iter()
            .filter_map(|each| each.strip_prefix(name)?.strip_prefix('='));
        *value = number(of_name.next()?)?;
    }
    (given.len() == N).then_some(values)
}

/// Writes bytes as PHC strings do: base64 without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Reads base64 with or without padding. passlib writes a dot for a plus.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    base64::decode(&text.replace('.', "+"))
}

/// Reads hexadecimal digits of either case.
pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    base16ct::mixed::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_needed_once() {
        assert_eq!(
            parameters("ln=14,r=8,p=1", ["ln", "r", "p"]),
            Some([14, 8, 1])
        );
        assert_eq!(parameters("i=1000", ["i"]), Some([1000]));
        for bad in [
            "",
            "ln=14,r=8",
            "ln=14,r=8,r=8",
            "ln=14,r=8,p=1,p=1",
            "ln=14,r=8,p=1,x=1",
            "ln=14,r=+8,p=1",
            "ln=14,r=,p=1",
            "ln=14,r=8,p=4294967296",
            "ln=14, r=8,p=1",
        ] {
            assert_eq!(parameters(bad, ["ln", "r", "p"]), None, "{bad}");
        }
    }
}
