//! Public keys of credentials (RFC 9052 §7, RFC 9053 §7; WebAuthn Level 3 §5.8.5).
//!
//! webauthn-rs reads keys, checks points and moduli, and verifies signatures. Our own code adds the
//! rules that the library does not have: canonical CBOR, no duplicate or unknown member, an
//! algorithm that fits the curve. It also reads Ed25519 keys and verifies with them, since the
//! library does neither, and reads RSA keys of more than 2048 bits.

use std::ops::RangeInclusive;

use serde_cbor_2::Value;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    COSEAlgorithm, COSEKey, COSEKeyType, COSEOKPKey, COSERSAKey, ECDSACurve, EDDSACurve,
};

use crate::accounts::domain::cbor::CborReader;
use crate::accounts::domain::webauthn::quietly::quietly;

/// The most bytes of a key. Keys of every accepted kind are shorter.
const MOST_BYTES: usize = 1024;

const NOT_CANONICAL: &str = concat!(
    "the key is not CBOR as authenticators write it (CTAP2 canonical form), ",
    "or something follows it"
);
const NO_ED25519: &str = "the octet key pair is no Ed25519 key";
const NO_KIND: &str = "the key is of no kind that can be used";

/// Names of members, the same in all kinds (RFC 9052 §7.1), and those of an octet key pair (RFC
/// 9053 §7.2).
const KIND: i128 = 1;
const ALGORITHM: i128 = 3;
const CURVE: i128 = -1;
const X: i128 = -2;
/// Kinds of keys (RFC 9053 §7, RFC 8230 §4), and the members that a key of each has.
const OKP: i128 = 1;
const OKP_MEMBERS: &[i128] = &[KIND, ALGORITHM, CURVE, X];
const EC2: i128 = 2;
const EC2_MEMBERS: &[i128] = &[KIND, ALGORITHM, CURVE, X, -3];
const RSA: i128 = 3;
const RSA_MEMBERS: &[i128] = &[KIND, ALGORITHM, MODULUS, PUBLIC_EXPONENT];
/// Names of members of an RSA key (RFC 8230 §4).
const MODULUS: i128 = -1;
const PUBLIC_EXPONENT: i128 = -2;
/// The optional members of every kind: `kid`, `key_ops` and `Base IV` (RFC 9052 §7.1). `WebAuthn`
/// §6.5.1.1 allows none, but some authenticators send them. They have no effect.
const OPTIONAL: &[i128] = &[2, 4, 5];
/// The sizes of an accepted RSA modulus, in bits.
const MODULUS_BITS: RangeInclusive<usize> = 2048..=4096;
/// Ed25519 (RFC 9053 §7.1).
const ED25519: i128 = 6;
/// The only accepted public exponent: 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// A signature algorithm that can be verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 4096 bits.
    Rs256,
}

impl Algorithm {
    /// The algorithms that the service offers, most wanted first.
    pub const OFFERED: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];
    /// All algorithms that can be verified.
    pub const ALL: [Self; 4] = [Self::Es256, Self::Rs256, Self::EdDsa, Self::Es384];

    /// Returns the number in COSE's registry.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Es384 => -35,
            Self::Rs256 => -257,
        }
    }

    /// Returns the name in COSE's registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA (Ed25519)",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
        }
    }
}

/// A public key that was read and found to be valid.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// The algorithm that its private half signs with.
    pub algorithm: Algorithm,
    /// The bytes of the key: a CBOR map.
    pub bytes: Vec<u8>,
    /// The key as webauthn-rs holds it.
    pub(super) key: COSEKey,
}

impl PublicKey {
    /// Reads a COSE key that fills `bytes` to the end.
    ///
    /// # Errors
    /// Returns the reason why the key cannot be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > MOST_BYTES {
            return Err("the key is too long");
        }
        if CborReader::new(bytes).item().map_or(0, <[u8]>::len) != bytes.len() {
            return Err(NOT_CANONICAL);
        }
        let key = read(bytes)?;
        Ok(Self {
            algorithm: algorithm(&key)?,
            bytes: bytes.to_vec(),
            key,
        })
    }

    /// Returns true if the private half of this key made `signature` over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        verifies(&self.key, message, signature)
    }
}

fn read(bytes: &[u8]) -> Result<COSEKey, &'static str> {
    let count = CborReader::new(bytes).map().map_err(|_| NO_KIND)?;
    let value: Value = serde_cbor_2::from_slice(bytes).map_err(|_| NO_KIND)?;
    let Value::Map(members) = &value else {
        return Err(NO_KIND);
    };
    // Of two members with the same name, the map keeps one.
    if u64::try_from(members.len()) != Ok(count) {
        return Err(NOT_CANONICAL);
    }
    let member = |name: i128| members.get(&Value::Integer(name));
    let has_only = |names: &[i128]| {
        let known = |name: &Value| match name {
            Value::Integer(name) => names.contains(name) || OPTIONAL.contains(name),
            _ => false,
        };
        names.iter().all(|name| member(*name).is_some()) && members.keys().all(known)
    };
    match member(KIND) {
        Some(Value::Integer(OKP)) => match (member(ALGORITHM), member(CURVE), member(X)) {
            (Some(Value::Integer(-8)), Some(Value::Integer(ED25519)), Some(Value::Bytes(x)))
                if has_only(OKP_MEMBERS) =>
            {
                ed25519(x).ok_or(NO_ED25519)?;
                let key = COSEKeyType::EC_OKP(COSEOKPKey {
                    curve: EDDSACurve::ED25519,
                    x: x.clone(),
                });
                Ok(COSEKey {
                    type_: COSEAlgorithm::EDDSA,
                    key,
                })
            }
            _ => Err(NO_ED25519),
        },
        Some(Value::Integer(EC2)) if has_only(EC2_MEMBERS) => {
            quietly(|| COSEKey::try_from(&value)).map_err(|_| NO_KIND)
        }
        Some(Value::Integer(RSA)) if has_only(RSA_MEMBERS) => {
            match (member(ALGORITHM), member(MODULUS), member(PUBLIC_EXPONENT)) {
                (Some(Value::Integer(-257)), Some(Value::Bytes(n)), Some(Value::Bytes(e))) => {
                    rsa(n, e).ok_or(NO_KIND)
                }
                _ => Err(NO_KIND),
            }
        }
        _ => Err(NO_KIND),
    }
}

/// Returns an RSA key if the library can verify with it. The library's own reader accepts only 2048
/// bits.
fn rsa(n: &[u8], e: &[u8]) -> Option<COSEKey> {
    let key = COSEKey {
        type_: COSEAlgorithm::RS256,
        key: COSEKeyType::RSA(COSERSAKey {
            n: n.to_vec(),
            e: e.try_into().ok()?,
        }),
    };
    let tried = quietly(|| key.verify_signature(&[], &[]));
    let refused = matches!(tried, Err(WebauthnError::RsaParametersInvalid));
    (is_modulus(n) && !refused).then_some(key)
}

/// Returns true for a modulus of an accepted size without leading zeros.
fn is_modulus(n: &[u8]) -> bool {
    let unused = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (n.len() * 8).saturating_sub(unused);
    unused < 8 && MODULUS_BITS.contains(&bits)
}

/// Returns the algorithm of a key that the library read. It fixes the curve (WebAuthn Level 3
/// §5.8.5), which the library does not check.
pub(super) fn algorithm(key: &COSEKey) -> Result<Algorithm, &'static str> {
    match (&key.type_, &key.key) {
        (COSEAlgorithm::ES256, COSEKeyType::EC_EC2(point))
            if point.curve == ECDSACurve::SECP256R1 =>
        {
            Ok(Algorithm::Es256)
        }
        (COSEAlgorithm::ES384, COSEKeyType::EC_EC2(point))
            if point.curve == ECDSACurve::SECP384R1 =>
        {
            Ok(Algorithm::Es384)
        }
        (COSEAlgorithm::EDDSA, COSEKeyType::EC_OKP(point))
            if point.curve == EDDSACurve::ED25519 =>
        {
            Ok(Algorithm::EdDsa)
        }
        (COSEAlgorithm::RS256, COSEKeyType::RSA(key)) => {
            if is_modulus(&key.n) && key.e == EXPONENT {
                Ok(Algorithm::Rs256)
            } else {
                Err(NO_KIND)
            }
        }
        _ => Err("the key and its algorithm do not fit"),
    }
}

/// Returns true if the private half of `key` made `signature` over `message` (`WebAuthn` Level 3
/// §6.5.5: signatures of ECDSA are DER).
pub(super) fn verifies(key: &COSEKey, message: &[u8], signature: &[u8]) -> bool {
    if let COSEKeyType::EC_OKP(point) = &key.key {
        let (Some(key), Ok(signature)) = (
            ed25519(&point.x),
            ed25519_dalek::Signature::from_slice(signature),
        ) else {
            return false;
        };
        return key.verify_strict(message, &signature).is_ok();
    }
    quietly(|| key.verify_signature(signature, message)).unwrap_or(false)
}

fn ed25519(x: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(x.try_into().ok()?).ok()?;
    // A point of small order verifies forged signatures.
    (!key.is_weak()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(members: &[(i128, Value)]) -> Vec<u8> {
        let members = members
            .iter()
            .map(|(name, value)| (Value::Integer(*name), value.clone()));
        serde_cbor_2::to_vec(&Value::Map(members.collect())).expect("CBOR")
    }

    fn rsa_key(n: Vec<u8>) -> Vec<u8> {
        key(&[
            (1, Value::Integer(RSA)),
            (3, Value::Integer(-257)),
            (-1, Value::Bytes(n)),
            (-2, Value::Bytes(EXPONENT.to_vec())),
        ])
    }

    #[test]
    fn a_modulus_has_2048_to_4096_bits() {
        let modulus = |bytes: usize, first: u8| {
            let mut n = vec![0xFF; bytes];
            n[0] = first;
            n
        };
        for (bytes, first) in [
            (256, 0x80),
            (257, 0x01),
            (384, 0xFF),
            (436, 0x03),
            (512, 0xFF),
        ] {
            let read = PublicKey::parse(&rsa_key(modulus(bytes, first)));
            assert_eq!(
                read.map(|key| key.algorithm),
                Ok(Algorithm::Rs256),
                "{bytes}"
            );
        }
        for (bytes, first) in [(255, 0xFF), (256, 0x7F), (257, 0), (384, 0), (513, 0x01)] {
            assert!(
                PublicKey::parse(&rsa_key(modulus(bytes, first))).is_err(),
                "{bytes}"
            );
        }
    }

    #[test]
    fn optional_members_are_ignored_and_others_refused() {
        let x = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
        let ed25519 = |more: &[(i128, Value)]| {
            let mut members = vec![
                (KIND, Value::Integer(OKP)),
                (ALGORITHM, Value::Integer(-8)),
                (CURVE, Value::Integer(ED25519)),
                (X, Value::Bytes(x.to_bytes().to_vec())),
            ];
            members.extend_from_slice(more);
            PublicKey::parse(&key(&members)).map(|key| key.algorithm)
        };
        let kid = (2, Value::Bytes(b"key".to_vec()));
        let operations = (4, Value::Array(vec![Value::Integer(2)]));
        let iv = (5, Value::Bytes(vec![1]));
        assert_eq!(ed25519(&[kid, operations, iv]), Ok(Algorithm::EdDsa));
        for name in [-4, -3, 6, 100] {
            assert!(ed25519(&[(name, Value::Bytes(vec![1]))]).is_err(), "{name}");
        }
    }
}
