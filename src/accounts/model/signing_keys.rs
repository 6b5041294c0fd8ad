//! The keys that sign access tokens: Ed25519 as a JWK set (RFC 7517, RFC 8037). The first key
//! signs, and all keys verify.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey as Ed25519, VerifyingKey};
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm,
    OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::kernel::model::strength::is_made_up;

/// Public halves of keys whose private halves are printed in specifications.
const KNOWN_PUBLIC: [&str; 4] = [
    // RFC 8037 appendix A, which is also RFC 8032 §7.1 test 1.
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    // RFC 8032 §7.1 tests 2, 3 and "SHA(abc)".
    "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
    "_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU",
    "7Bcrk613ikN9uFKDNJwRSlxj7AkHSU4JtGt8OogVQL8",
];

/// A key of the set. A key without its private half verifies and does not sign. docs/OPERATIONS.md
/// has the order of a rotation.
#[derive(Clone)]
pub struct SigningKey {
    /// The key's id: `kid` in headers and in the published set.
    pub kid: String,
    public: VerifyingKey,
    /// Overwrites itself when it is dropped.
    private: Option<Ed25519>,
}

impl SigningKey {
    /// Creates a key from 32 bytes of entropy. Its `kid` is its thumbprint (RFC 7638).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let private = Ed25519::from_bytes(&Zeroizing::new(seed));
        let public = private.verifying_key();
        Self {
            kid: thumbprint(&public),
            public,
            private: Some(private),
        }
    }

    /// Returns the 32 bytes of the private half, or `None` if this key only verifies.
    #[must_use]
    pub fn seed(&self) -> Option<&[u8; 32]> {
        self.private.as_ref().map(Ed25519::as_bytes)
    }

    /// Returns a signature over `message`, or `None` if this key only verifies.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        self.private
            .as_ref()
            .map(|private| private.sign(message).to_bytes())
    }

    /// Returns true if this key created `signature` over `message`. The check is strict: no points
    /// of small order, no second spelling (RFC 8032 §8.4).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.public.verify_strict(message, &signature).is_ok())
    }

    /// Returns the public half as a JWK for other services.
    #[must_use]
    pub fn public_jwk(&self) -> Jwk {
        Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(KeyAlgorithm::EdDSA),
                key_id: Some(self.kid.clone()),
                ..CommonParameters::default()
            },
            algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: self.x(),
            }),
        }
    }

    /// Returns the public half in base64url, the JWK's `x`.
    #[must_use]
    pub fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.public.as_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// The configured set. It is never empty, and its first key can sign.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    first: SigningKey,
    rest: Vec<SigningKey>,
}

impl SigningKeys {
    /// Returns a set with one key.
    #[must_use]
    pub fn single(key: SigningKey) -> Self {
        Self {
            first: key,
            rest: Vec::new(),
        }
    }

    /// Reads the `JWT_SIGNING_KEYS` setting.
    ///
    /// # Errors
    /// The problem with the setting, without any key.
    pub fn parse(json: &str) -> Result<Self, String> {
        let set: ConfiguredSet = serde_json::from_str(json)
            .map_err(|_| "is not a JWK set: {\"keys\": [...]}".to_owned())?;
        let mut keys = Vec::with_capacity(set.keys.len());
        for (index, jwk) in set.keys.iter().enumerate() {
            let key = read(jwk).map_err(|problem| format!("key {index} {problem}"))?;
            if keys.iter().any(|known: &SigningKey| known.kid == key.kid) {
                return Err(format!("key {index} has the `kid` of another key"));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys
            .next()
            .ok_or("has no keys: `hamrah-api keys generate` makes one")?;
        if first.private.is_none() {
            return Err("key 0 signs and so needs its private half, `d`".to_owned());
        }
        Ok(Self {
            first,
            rest: keys.collect(),
        })
    }

    /// Returns the text of the setting for these keys.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys = self.iter().map(|key| ConfiguredKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: key.x(),
            d: key.seed().map(|seed| URL_SAFE_NO_PAD.encode(seed)),
            kid: Some(key.kid.clone()),
            alg: Some("EdDSA".to_owned()),
            usage: Some("sig".to_owned()),
        });
        serde_json::to_string(&ConfiguredSet {
            keys: keys.collect(),
        })
        .unwrap_or_default()
    }

    /// Returns the key that signs.
    #[must_use]
    pub fn current(&self) -> &SigningKey {
        &self.first
    }

    /// Returns all keys, the signing key first.
    pub fn iter(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Returns the key with the id `kid`.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.iter().find(|key| key.kid == kid)
    }
}

/// The setting. The library's key set has no private halves.
#[derive(Serialize, Deserialize)]
struct ConfiguredSet {
    keys: Vec<ConfiguredKey>,
}

#[derive(Serialize, Deserialize)]
struct ConfiguredKey {
    kty: String,
    crv: String,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
}

impl Drop for ConfiguredKey {
    fn drop(&mut self) {
        self.d.zeroize();
    }
}

fn read(jwk: &ConfiguredKey) -> Result<SigningKey, &'static str> {
    if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
        return Err("is not an Ed25519 key (`kty` OKP, `crv` Ed25519)");
    }
    if !matches!(jwk.alg.as_deref(), None | Some("EdDSA" | "Ed25519"))
        || !matches!(jwk.usage.as_deref(), None | Some("sig"))
    {
        return Err("is not for signing with EdDSA (`alg`, `use`)");
    }
    let x = bytes32(&jwk.x).ok_or("has an `x` that is not 32 bytes of base64url")?;
    let public =
        VerifyingKey::from_bytes(&x).map_err(|_| "has an `x` that is not a point of the curve")?;
    if public.is_weak() {
        return Err("has a weak `x`");
    }
    if KNOWN_PUBLIC.contains(&jwk.x.as_str()) {
        return Err("is an example that everybody knows");
    }
    let private = match jwk.d.as_deref() {
        None => None,
        Some(d) => {
            let seed =
                Zeroizing::new(bytes32(d).ok_or("has a `d` that is not 32 bytes of base64url")?);
            let private = Ed25519::from_bytes(&seed);
            if private.verifying_key() != public {
                return Err("has a `d` and an `x` that do not belong together");
            }
            if is_made_up(seed.as_slice()) {
                return Err("has a `d` that is not random");
            }
            Some(private)
        }
    };
    let kid = match jwk.kid.as_deref() {
        None => thumbprint(&public),
        Some(kid)
            if (1..=128).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            kid.to_owned()
        }
        Some(_) => return Err("has a `kid` that is not 1 to 128 printable characters"),
    };
    Ok(SigningKey {
        kid,
        public,
        private,
    })
}

fn bytes32(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Returns the RFC 7638 §3 thumbprint, over the members of RFC 8037 §2 in lexicographic order.
fn thumbprint(public: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(public.as_bytes());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns bytes that look random enough.
    fn seed(start: u8) -> [u8; 32] {
        std::array::from_fn(|index| start.wrapping_add(u8::try_from(index * 7).unwrap_or_default()))
    }

    #[test]
    fn a_set_survives_its_text() {
        let keys = SigningKeys::single(SigningKey::from_seed(seed(3)));
        let again = SigningKeys::parse(&keys.to_json()).expect("parses");
        assert_eq!(again.current().kid, keys.current().kid);
        assert_eq!(again.current().seed(), keys.current().seed());
    }

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_8037() {
        let x =
            bytes32("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("RFC 8037 appendix A.3");
        let public = VerifyingKey::from_bytes(&x).expect("a point");
        assert_eq!(
            thumbprint(&public),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn wrong_sets_are_named() {
        let good = SigningKeys::single(SigningKey::from_seed(seed(3))).to_json();
        let public_only = serde_json::json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "x": SigningKey::from_seed(seed(3)).x()},
        ]})
        .to_string();
        let other_x = good.replace(
            &SigningKey::from_seed(seed(3)).x(),
            &SigningKey::from_seed(seed(4)).x(),
        );
        let guessed = SigningKeys::single(SigningKey::from_seed([1; 32])).to_json();
        let known_public = r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
            "x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}]}"#;
        let known = r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        for (json, part) in [
            ("{}", "JWK set"),
            (r#"{"keys":[]}"#, "no keys"),
            (public_only.as_str(), "private half"),
            (other_x.as_str(), "belong together"),
            (known, "everybody knows"),
            (known_public, "everybody knows"),
            (guessed.as_str(), "not random"),
            (&good.replace("OKP", "EC"), "Ed25519"),
        ] {
            let problem = SigningKeys::parse(json).expect_err(json);
            assert!(problem.contains(part), "{problem}");
        }
    }
}
