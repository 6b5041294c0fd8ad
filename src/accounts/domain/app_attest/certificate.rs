//! Certificates (RFC 5280), as far as chains of App Attest need them: ECDSA keys on P-256 and
//! P-384.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha256, Sha384};
use x509_cert::Version;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use crate::kernel::model::time::Timestamp;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// The extension with Apple's nonce.
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.8.2");
/// The content of that extension before the nonce: `SEQUENCE { [1] { OCTET STRING } }`, in DER.
const NONCE_PREFIX: [u8; 6] = [0x30, 0x24, 0xA1, 0x22, 0x04, 0x20];

/// A certificate that was read.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The signed part, unchanged.
    signed: Vec<u8>,
    content: x509_cert::Certificate,
}

impl Certificate {
    /// Reads a certificate of version 3 that fills `der` to the end.
    ///
    /// # Errors
    /// Returns the reason why the certificate cannot be used.
    pub fn parse(der: &[u8]) -> Result<Self, &'static str> {
        let content = x509_cert::Certificate::from_der(der)
            .map_err(|_| "a certificate is not DER of RFC 5280")?;
        let signed = signed_part(der).map_err(|_| "a certificate is not DER of RFC 5280")?;
        let tbs = content.tbs_certificate();
        if tbs.version() != Version::V3 {
            return Err("a certificate is not of version 3");
        }
        if tbs.signature() != content.signature_algorithm() {
            return Err("a certificate names two signature algorithms");
        }
        let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
        let twice = |(at, extension): (usize, &x509_cert::ext::Extension)| {
            extensions
                .iter()
                .skip(at + 1)
                .any(|other| other.extn_id == extension.extn_id)
        };
        // The comparison is quadratic, but the extensions are few.
        if extensions.len() > 32 || extensions.iter().enumerate().any(twice) {
            return Err("a certificate has an extension twice, or too many");
        }
        Ok(Self {
            signed: signed.to_vec(),
            content,
        })
    }

    /// Returns the subject.
    #[must_use]
    pub fn subject(&self) -> String {
        self.content.tbs_certificate().subject().to_string()
    }

    /// Returns the issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.content.tbs_certificate().issuer().to_string()
    }

    /// Returns the first and the last second of the validity.
    #[must_use]
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        let validity = self.content.tbs_certificate().validity();
        let moment = |time: x509_cert::time::Time| {
            Timestamp::from_millis(
                i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX),
            )
        };
        (moment(validity.not_before), moment(validity.not_after))
    }

    /// Returns the key if it is on P-256: an uncompressed X9.62 point.
    #[must_use]
    pub fn p256_point(&self) -> Option<[u8; 65]> {
        let point: [u8; 65] = self.point(P256)?.try_into().ok()?;
        // This also checks that the point is on the curve.
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?;
        Some(point)
    }

    fn point(&self, curve: ObjectIdentifier) -> Option<&[u8]> {
        let key = self.content.tbs_certificate().subject_public_key_info();
        let found: ObjectIdentifier = key.algorithm.parameters.as_ref()?.decode_as().ok()?;
        let point = key.subject_public_key.as_bytes()?;
        // Apple writes no compressed points, which would be a second form of a key.
        (key.algorithm.oid == EC_PUBLIC_KEY && found == curve && point.first() == Some(&4))
            .then_some(point)
    }

    fn p384_key(&self) -> Option<p384::ecdsa::VerifyingKey> {
        p384::ecdsa::VerifyingKey::from_sec1_bytes(self.point(P384)?).ok()
    }

    /// Returns true if the key is on P-384, as the keys of authorities are.
    #[must_use]
    pub fn has_p384_key(&self) -> bool {
        self.p384_key().is_some()
    }

    /// Returns true if the certificate names `issuer` as its issuer.
    #[must_use]
    pub fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.content.tbs_certificate().issuer() == issuer.content.tbs_certificate().subject()
    }

    /// Returns true if `issuer` signed the certificate with a key on P-384.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let algorithm = self.content.signature_algorithm();
        let digest = match algorithm.oid {
            // RFC 5758 §3.2: no parameters.
            _ if algorithm.parameters.is_some() => return false,
            ECDSA_SHA256 => Sha256::digest(&self.signed).to_vec(),
            ECDSA_SHA384 => Sha384::digest(&self.signed).to_vec(),
            _ => return false,
        };
        let signature = self
            .content
            .signature()
            .as_bytes()
            .and_then(|der| p384::ecdsa::Signature::from_der(der).ok());
        let (Some(key), Some(signature)) = (issuer.p384_key(), signature) else {
            return false;
        };
        key.verify_prehash(&digest, &signature).is_ok()
    }

    fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        let found = self
            .content
            .tbs_certificate()
            .extensions()?
            .iter()
            .find(|extension| extension.extn_id == id)?;
        Some(found.extn_value.as_bytes())
    }

    /// Returns true if the certificate may issue certificates, and `None` if the extension cannot
    /// be read.
    #[must_use]
    pub fn is_authority(&self) -> Option<bool> {
        let Some(der) = self.extension(BASIC_CONSTRAINTS) else {
            return Some(false);
        };
        Some(BasicConstraints::from_der(der).ok()?.ca)
    }

    /// Returns the permitted uses of the key, if the certificate names them.
    ///
    /// # Errors
    /// Returns the reason if the extension cannot be read.
    pub fn key_usage(&self) -> Result<Option<Usage>, &'static str> {
        let Some(der) = self.extension(KEY_USAGE) else {
            return Ok(None);
        };
        let usage = KeyUsage::from_der(der).map_err(|_| "a key usage cannot be read")?;
        Ok(Some(Usage {
            signs_data: usage.digital_signature(),
            signs_certificates: usage.key_cert_sign(),
        }))
    }

    /// Returns true if the certificate has a critical extension that this code does not check.
    #[must_use]
    pub fn has_unknown_critical(&self) -> bool {
        let known = [BASIC_CONSTRAINTS, KEY_USAGE, NONCE];
        let mut extensions = self
            .content
            .tbs_certificate()
            .extensions()
            .into_iter()
            .flatten();
        extensions.any(|extension| extension.critical && !known.contains(&extension.extn_id))
    }

    /// Returns the nonce that Apple issued the certificate for.
    ///
    /// # Errors
    /// Returns the reason why there is no nonce.
    pub fn nonce(&self) -> Result<[u8; 32], &'static str> {
        let value = self
            .extension(NONCE)
            .ok_or("the leaf has no extension 1.2.840.113635.100.8.2")?;
        let nonce = value
            .strip_prefix(&NONCE_PREFIX)
            .and_then(|nonce| nonce.try_into().ok());
        nonce.ok_or("the extension with the nonce is not a sequence of 32 bytes")
    }
}

/// The permitted uses of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// `digitalSignature`.
    pub signs_data: bool,
    /// `keyCertSign`.
    pub signs_certificates: bool,
}

/// Returns the bytes of the certificate's first element. They are not encoded again, because
/// another encoding could differ.
fn signed_part(der: &[u8]) -> Result<&[u8], x509_cert::der::Error> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|inner| {
        let signed = inner.tlv_bytes()?;
        inner.tlv_bytes()?;
        inner.tlv_bytes()?;
        Ok(signed)
    })
}
