//! Public keys of credentials (RFC 9052 §7, RFC 9053 §7; WebAuthn Level 3 §5.8.5).

use super::quietly;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_cbor_2::Value;
use webauthn_rs_core::proto::{COSEAlgorithm, COSEKey, COSEKeyType, COSEOKPKey, ECDSACurve, EDDSACurve};

/// More than a key of any accepted kind takes.
const MOST_BYTES: usize = 1024;

/// A key of nobody's, on which to spend the time of a verification: P-256's base point.
pub const NOBODYS: [u8; 77] = [
    0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5,
    0x63, 0xA4, 0x40, 0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x22, 0x58,
    0x20, 0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE, 0x33, 0x57, 0x6B,
    0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5,
];

/// Signature algorithms that can be verified, by their COSE numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits.
    Rs256,
}

impl Algorithm {
    /// What the service offers, most wanted first.
    pub const OFFERED: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];
    /// Everything that can be verified.
    pub const ALL: [Self; 4] = [Self::Es256, Self::Rs256, Self::EdDsa, Self::Es384];

    /// The number in COSE's registry.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Es384 => -35,
            Self::Rs256 => -257,
        }
    }

    /// The name in COSE's registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA (Ed25519)",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
        }
    }

    fn of(key: &COSEKey) -> Option<Self> {
        // §5.8.5: the algorithm fixes the curve; the library would take any with any.
        match (&key.type_, &key.key) {
            (COSEAlgorithm::ES256, COSEKeyType::EC_EC2(point)) if point.curve == ECDSACurve::SECP256R1 => Some(Self::Es256),
            (COSEAlgorithm::ES384, COSEKeyType::EC_EC2(point)) if point.curve == ECDSACurve::SECP384R1 => Some(Self::Es384),
            (COSEAlgorithm::RS256, COSEKeyType::RSA(_)) => Some(Self::Rs256),
            (COSEAlgorithm::EDDSA, COSEKeyType::EC_OKP(point)) if point.curve == EDDSACurve::ED25519 => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A public key that was read and found to be one.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The key as the library has it.
    pub key: COSEKey,
    /// The key as it came: a CBOR map.
    pub bytes: Vec<u8>,
}

impl PublicKey {
    /// Reads a COSE key that fills `bytes` to the end.
    ///
    /// # Errors
    /// Why it is none that can be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > MOST_BYTES {
            return Err("the key is too long");
        }
        let value: Value = serde_cbor_2::from_slice(bytes).map_err(|_| "the key is not CBOR, or something follows it")?;
        // A member given twice, a length that is not the shortest: then the same value is written in another length.
        if serde_cbor_2::to_vec(&value).map_or(0, |again| again.len()) != bytes.len() {
            return Err("the key is not CBOR as authenticators write it (CTAP2 canonical form)");
        }
        let key = match okp(&value) {
            Some(key) => key?,
            None => quietly(|| COSEKey::try_from(&value)).map_err(|_| "the key is of no kind that can be used")?,
        };
        let algorithm = Algorithm::of(&key).ok_or("the key and its algorithm do not fit")?;
        Ok(Self { algorithm, key, bytes: bytes.to_vec() })
    }

    /// Whether `signature` over `message` was made with this key's private half.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // The library reads Ed25519 keys and does not verify with them.
        if let COSEKeyType::EC_OKP(COSEOKPKey { x, .. }) = &self.key.key {
            let (Some(key), Ok(signature)) = (ed25519(x), Signature::from_slice(signature)) else { return false };
            return key.verify_strict(message, &signature).is_ok();
        }
        quietly(|| self.key.verify_signature(signature, message)).unwrap_or(false)
    }
}

fn ed25519(x: &[u8]) -> Option<VerifyingKey> {
    let key = VerifyingKey::from_bytes(x.try_into().ok()?).ok()?;
    // A point of small order verifies signatures that nobody made.
    (!key.is_weak()).then_some(key)
}

/// An octet key pair (RFC 9053 §7.2), which the library refuses to read; `None` if it is of another kind.
fn okp(value: &Value) -> Option<Result<COSEKey, &'static str>> {
    let Value::Map(members) = value else { return None };
    let member = |name: i128| members.get(&Value::Integer(name));
    if member(1) != Some(&Value::Integer(1)) {
        return None;
    }
    let ed25519_curve = member(3) == Some(&Value::Integer(-8)) && member(-1) == Some(&Value::Integer(6));
    Some(match member(-2) {
        Some(Value::Bytes(x)) if ed25519_curve && ed25519(x).is_some() => {
            Ok(COSEKey { type_: COSEAlgorithm::EDDSA, key: COSEKeyType::EC_OKP(COSEOKPKey { curve: EDDSACurve::ED25519, x: x.clone() }) })
        }
        _ => Err("the octet key pair is no Ed25519 key"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_s_key_is_a_key() {
        let key = PublicKey::parse(&NOBODYS).expect("a key");
        assert_eq!(key.algorithm, Algorithm::Es256);
        assert!(!key.verifies(b"anything", &[0; 70]));
    }
}
