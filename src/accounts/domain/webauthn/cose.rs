//! Public keys of credentials (RFC 9052 §7, RFC 9053 §7; WebAuthn Level 3 §5.8.5).

use p256::ecdsa::signature::Verifier;
use rsa::sha2::Sha256;
use rsa::{BoxedUint, RsaPublicKey, pkcs1v15};

use crate::accounts::domain::cbor::Reader;

/// More than a key of any accepted kind takes.
const MOST_BYTES: usize = 1024;

const NOT_CANONICAL: &str = "the key is not CBOR as authenticators write it (CTAP2 canonical form), or something follows it";
const NO_ED25519: &str = "the octet key pair is no Ed25519 key";

/// Key types (RFC 9052 §7, RFC 8230 §4).
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
/// Curves (RFC 9053 §7.1).
const P256: i64 = 1;
const P384: i64 = 2;
const P521: i64 = 3;
const ED25519: i64 = 6;
/// ES256, ES384, ES512.
const ECDSA: [i64; 3] = [-7, -35, -36];
/// What a point begins with whose two coordinates follow (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;
/// RSA of 2048 bits, none of them a leading zero, with the exponent 65537 as everybody has it.
const MODULUS_BYTES: usize = 256;
const EXPONENT: [u8; 3] = [1, 0, 1];

/// A key of nobody's, on which to spend the time of a verification: P-256's base point.
pub const NOBODYS: [u8; 77] = [
    0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C,
    0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB,
    0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x22, 0x58, 0x20, 0x4F, 0xE3, 0x42,
    0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE, 0x33,
    0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5,
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
}

/// A key that is one: a point on its curve, a modulus of the right length.
#[derive(Clone, Debug)]
enum Key {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
    Rsa(pkcs1v15::VerifyingKey<Sha256>),
}

/// A public key that was read and found to be one.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The key as it came: a CBOR map.
    pub bytes: Vec<u8>,
    key: Box<Key>,
}

/// The members of a COSE key that the accepted kinds have; those with negative numbers mean something else in each.
#[derive(Default)]
struct Members<'a> {
    kind: Option<i64>,
    algorithm: Option<i64>,
    /// -1: the curve, or RSA's modulus.
    first: Option<Member<'a>>,
    /// -2: x, or RSA's exponent.
    second: Option<&'a [u8]>,
    /// -3: y.
    third: Option<&'a [u8]>,
}

enum Member<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

const NO_KIND: &str = "the key is of no kind that can be used";

impl<'a> Members<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        if Reader::new(bytes).item().map_or(0, <[u8]>::len) != bytes.len() {
            return Err(NOT_CANONICAL);
        }
        let (mut reader, mut members) = (Reader::new(bytes), Self::default());
        for _ in 0..reader.map().map_err(|_| NO_KIND)? {
            if !members.take(&mut reader).map_err(|_| NO_KIND)? {
                return Err(NOT_CANONICAL);
            }
        }
        Ok(members)
    }

    /// Reads one member; says whether it is there for the first time.
    fn take(&mut self, reader: &mut Reader<'a>) -> Result<bool, &'static str> {
        Ok(match reader.integer()? {
            1 => self.kind.replace(reader.integer()?).is_none(),
            3 => self.algorithm.replace(reader.integer()?).is_none(),
            -1 if reader.is_bytes() => self.first.replace(Member::Bytes(reader.bytes()?)).is_none(),
            -1 => self
                .first
                .replace(Member::Number(reader.integer()?))
                .is_none(),
            -2 => self.second.replace(reader.bytes()?).is_none(),
            -3 => self.third.replace(reader.bytes()?).is_none(),
            // §6.5.1.1: no optional parameter may be there.
            _ => return Err(NO_KIND),
        })
    }

    /// The key (RFC 9053 §7.1, §7.2, RFC 8230 §4). The algorithm fixes the curve (WebAuthn §5.8.5).
    fn key(&self) -> Result<(Algorithm, Key), &'static str> {
        match (
            self.kind,
            self.algorithm,
            &self.first,
            self.second,
            self.third,
        ) {
            (Some(OKP), Some(algorithm), Some(Member::Number(curve)), Some(x), None) => {
                let ed25519 = || {
                    (algorithm == Algorithm::EdDsa.number() && *curve == ED25519)
                        .then(|| ed25519(x))
                        .flatten()
                };
                Ok((Algorithm::EdDsa, Key::Ed25519(ed25519().ok_or(NO_ED25519)?)))
            }
            (Some(OKP), ..) => Err(NO_ED25519),
            (Some(EC2), Some(algorithm), Some(Member::Number(curve)), Some(x), Some(y)) => {
                let point = [&[UNCOMPRESSED], x, y].concat();
                if x.len() != y.len() {
                    Err(NO_KIND)
                } else if (algorithm, *curve) == (Algorithm::Es256.number(), P256) {
                    let key =
                        p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| NO_KIND)?;
                    Ok((Algorithm::Es256, Key::P256(key)))
                } else if (algorithm, *curve) == (Algorithm::Es384.number(), P384) {
                    let key =
                        p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| NO_KIND)?;
                    Ok((Algorithm::Es384, Key::P384(key)))
                } else if ECDSA.contains(&algorithm) && (P256..=P521).contains(curve) {
                    Err("the key and its algorithm do not fit")
                } else {
                    Err(NO_KIND)
                }
            }
            (Some(RSA), Some(algorithm), Some(Member::Bytes(n)), Some(e), None)
                if algorithm == Algorithm::Rs256.number() =>
            {
                if n.len() != MODULUS_BYTES
                    || n.first().is_none_or(|first| *first < 0x80)
                    || e != EXPONENT
                {
                    return Err(NO_KIND);
                }
                let key = RsaPublicKey::new(
                    BoxedUint::from_be_slice_vartime(n),
                    BoxedUint::from_be_slice_vartime(e),
                );
                Ok((
                    Algorithm::Rs256,
                    Key::Rsa(pkcs1v15::VerifyingKey::new(key.map_err(|_| NO_KIND)?)),
                ))
            }
            _ => Err(NO_KIND),
        }
    }
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
        let (algorithm, key) = Members::read(bytes)?.key()?;
        Ok(Self {
            algorithm,
            bytes: bytes.to_vec(),
            key: Box::new(key),
        })
    }

    /// Whether `signature` over `message` was made with this key's private half (`WebAuthn` Level 3 §6.5.5: ECDSA's are DER).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.key.as_ref() {
            Key::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Key::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Key::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|it| key.verify_strict(message, &it).is_ok()),
            Key::Rsa(key) => pkcs1v15::Signature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

fn ed25519(x: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(x.try_into().ok()?).ok()?;
    // A point of small order verifies signatures that nobody made.
    (!key.is_weak()).then_some(key)
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
