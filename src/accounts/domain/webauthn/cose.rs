//! Public keys of credentials (RFC 9052 §7, RFC 9053 §7; WebAuthn Level 3 §5.8.5).
//!
//! webauthn-rs reads keys, checks points and moduli, and verifies signatures. Our own code adds the
//! rules that the library does not have: canonical CBOR, no duplicate member, no optional member,
//! an algorithm that fits the curve. It also reads Ed25519 keys and verifies with them, since the
//! library does neither.

use serde_cbor_2::Value;
use webauthn_rs_core::proto::{
    COSEAlgorithm, COSEKey, COSEKeyType, COSEOKPKey, ECDSACurve, EDDSACurve,
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
/// Kinds of keys (RFC 9053 §7, RFC 8230 §4), and how many members a key of each has: WebAuthn
/// §6.5.1.1 allows no optional member.
const OKP: i128 = 1;
const EC2: i128 = 2;
const EC2_MEMBERS: usize = 5;
const RSA: i128 = 3;
const RSA_MEMBERS: usize = 4;
const OKP_MEMBERS: usize = 4;
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
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits.
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
    match (member(KIND), members.len()) {
        (Some(Value::Integer(OKP)), count) => match (member(ALGORITHM), member(CURVE), member(X)) {
            (Some(Value::Integer(-8)), Some(Value::Integer(ED25519)), Some(Value::Bytes(x)))
                if count == OKP_MEMBERS =>
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
        (Some(Value::Integer(EC2)), EC2_MEMBERS) | (Some(Value::Integer(RSA)), RSA_MEMBERS) => {
            quietly(|| COSEKey::try_from(&value)).map_err(|_| NO_KIND)
        }
        _ => Err(NO_KIND),
    }
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
            // A modulus of 2048 bits, none of them a leading zero.
            let is_full = key.n.first().is_some_and(|first| *first >= 0x80);
            if is_full && key.e == EXPONENT {
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
