//! `jsonwebtoken` without cryptography: the platform signs and verifies.
//!
//! The library's signers and verifiers are synchronous, and `WebCrypto` is asynchronous. So the
//! library writes a token without its signature, and reads a token after the platform has verified
//! it. Both halves fail closed: a token without a signature opens nothing, and the verifier accepts
//! one message with one signature, the pair that the platform verified.

use std::fmt;
use std::marker::PhantomData;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::{Error, ErrorKind, new_error};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Writes the signed part of a token: `<header>.<claims>`.
///
/// # Errors
/// Returns the library's error if the header is not for EdDSA.
pub(super) fn encode_unsigned(header: &Header, claims: &impl Serialize) -> Result<String, Error> {
    install();
    let mut token = jsonwebtoken::encode(header, claims, &EncodingKey::from_ed_der(&[]))?;
    // The empty signature follows the last dot.
    token.pop();
    Ok(token)
}

/// Reads and validates a token whose `signature` over `message` the platform has verified.
///
/// # Errors
/// Returns the library's error for a token of another message or signature, and for claims that
/// `validation` refuses.
pub(super) fn decode_verified<T: DeserializeOwned>(
    token: &str,
    message: &[u8],
    signature: &[u8; 64],
    validation: &Validation,
) -> Result<T, Error> {
    install();
    let verified = DecodingKey::from_ed_der(&[message, signature].concat());
    jsonwebtoken::decode::<JsonObject<T>>(token, &verified, validation).map(|token| token.claims.0)
}

/// Reads the claims of a token whose signature is not verified yet. Use them only
/// to refuse a token, never to accept one.
///
/// # Errors
/// Returns the library's error if the token has no such claims.
pub(super) fn decode_unverified<T: DeserializeOwned>(token: &str) -> Result<T, Error> {
    insecure_decode_claims::<JsonObject<T>>(token).map(|JsonObject(claims)| claims)
}

/// A JSON object, read into `T`. A derived reader alone would take a list as well, by position.
struct JsonObject<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMap<T> {
            type Value = JsonObject<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(JsonObject)
            }
        }

        deserializer.deserialize_map(OnlyMap(PhantomData))
    }
}

/// Makes this the provider of the process; the library panics without one. Installing it again
/// changes nothing.
fn install() {
    let _ = PROVIDER.install_default();
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Ok(Box::new(SignedLater)),
    verifier_factory: |_, key| Ok(Box::new(VerifiedBefore(key.try_get_as_bytes()?.to_vec()))),
    // The library's own default panics. Nothing here derives a key or a thumbprint through the
    // library.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        rsa_pub_components_from_public_key: |_| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        ec_pub_components_from_private_key: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        ed_pub_components_from_private_key: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        compute_digest: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    },
};

/// A signer that leaves the signature out.
struct SignedLater;

impl JwtSigner for SignedLater {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl Signer<Vec<u8>> for SignedLater {
    fn try_sign(&self, _message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(Vec::new())
    }
}

/// A message and its signature, as the platform verified them.
struct VerifiedBefore(Vec<u8>);

impl JwtVerifier for VerifiedBefore {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

impl Verifier<Vec<u8>> for VerifiedBefore {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = self.0.split_last_chunk::<64>();
        if verified
            == Some((
                message,
                signature
                    .as_slice()
                    .try_into()
                    .map_err(|_| signature::Error::new())?,
            ))
        {
            Ok(())
        } else {
            Err(signature::Error::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn validation() -> Validation {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        validation
    }

    #[test]
    fn a_token_is_read_only_with_the_signature_that_was_verified() {
        let signed =
            encode_unsigned(&Header::new(Algorithm::EdDSA), &json!({"sub": "ada"})).expect("EdDSA");
        let other =
            encode_unsigned(&Header::new(Algorithm::EdDSA), &json!({"sub": "eve"})).expect("EdDSA");
        let token = |signed: &str, signature: &[u8]| {
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let read = |token: &str| {
            decode_verified::<Value>(token, signed.as_bytes(), &[7; 64], &validation())
        };
        assert_eq!(
            read(&token(&signed, &[7; 64])).expect("verified")["sub"],
            "ada"
        );
        for wrong in [
            token(&signed, &[8; 64]),
            token(&signed, &[]),
            token(&signed, &[7; 63]),
            token(&signed, &[7; 65]),
            token(&other, &[7; 64]),
        ] {
            assert_eq!(
                read(&wrong).expect_err("not verified").kind(),
                &ErrorKind::InvalidSignature,
                "{wrong}"
            );
        }
    }

    /// The library's documentation says to pass the public key here. With it, the verifier refuses
    /// every token.
    #[test]
    fn a_public_key_verifies_nothing() {
        install();
        let signed = encode_unsigned(&Header::new(Algorithm::EdDSA), &json!({})).expect("EdDSA");
        for signature in ["", &URL_SAFE_NO_PAD.encode([7; 64])] {
            let decoded = jsonwebtoken::decode::<Value>(
                format!("{signed}.{signature}"),
                &DecodingKey::from_ed_der(&[7; 32]),
                &validation(),
            );
            assert_eq!(
                decoded.expect_err("not verified").kind(),
                &ErrorKind::InvalidSignature
            );
        }
    }

    #[test]
    fn no_other_algorithm_is_written_or_read() {
        assert!(encode_unsigned(&Header::new(Algorithm::HS256), &json!({})).is_err());
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let token = format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode([7; 64]));
        let message = format!("{header}.e30");
        let decoded = decode_verified::<Value>(&token, message.as_bytes(), &[7; 64], &validation());
        assert_eq!(
            decoded.expect_err("another algorithm").kind(),
            &ErrorKind::InvalidAlgorithm
        );
    }
}
