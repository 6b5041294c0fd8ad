//! The authority: its root, its intermediate and the certificates of devices.

use std::ops::Range;

use hamrah_api::accounts::model::attest::TrustAnchor;
use p256::ecdsa::signature::Signer;
use p384::ecdsa::signature::hazmat::PrehashSigner;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
    SigningKey,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::Attestation;
use super::encoding::{bytes, content, der, head, map, text, tlv};

pub const NONCE_OID: [u64; 7] = [1, 2, 840, 113_635, 100, 8, 2];
pub const AUTHORITY_VALID: Range<i64> = 1_584_500_000..2_373_000_000;
pub const DAY: i64 = 86_400;

/// A key of P-384.
struct CaKey {
    key: p384::ecdsa::SigningKey,
    point: Vec<u8>,
}

impl CaKey {
    fn new(seed: u8) -> Self {
        let key = p384::ecdsa::SigningKey::from_slice(&[seed; 48]).expect("a scalar");
        let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { key, point }
    }
}

impl PublicKeyData for CaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P384_SHA384
    }
}

impl SigningKey for CaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: p384::ecdsa::Signature = self.key.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// A public key of P-256.
struct LeafKey(Vec<u8>);

impl PublicKeyData for LeafKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

fn params(name: &str, valid: &Range<i64>, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject.push(DnType::OrganizationName, "Pear Inc.");
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from(serial));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
    params.not_before = OffsetDateTime::from_unix_timestamp(valid.start).expect("a time");
    params.not_after = OffsetDateTime::from_unix_timestamp(valid.end).expect("a time");
    params
}

/// The properties of an authority. A test can change each of them.
#[derive(Clone)]
pub struct AuthorityPlan {
    /// The seeds of the keys.
    pub seed: u8,
    pub root_valid: Range<i64>,
    pub intermediate_valid: Range<i64>,
    pub intermediate_name: String,
    pub intermediate_is_ca: bool,
    pub intermediate_usage: Vec<KeyUsagePurpose>,
    pub intermediate_extensions: Vec<CustomExtension>,
}

impl Default for AuthorityPlan {
    fn default() -> Self {
        Self {
            seed: 1,
            root_valid: AUTHORITY_VALID,
            intermediate_valid: AUTHORITY_VALID,
            intermediate_name: "Pear App Attestation CA 1".into(),
            intermediate_is_ca: true,
            intermediate_usage: vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            intermediate_extensions: Vec::new(),
        }
    }
}

/// An authority with its root and intermediate.
pub struct Authority {
    pub root: Vec<u8>,
    pub intermediate: Vec<u8>,
    intermediate_params: CertificateParams,
    intermediate_key: CaKey,
}

impl Authority {
    pub fn new() -> Self {
        Self::of(&AuthorityPlan::default())
    }

    pub fn of(plan: &AuthorityPlan) -> Self {
        let (root_key, intermediate_key) = (CaKey::new(plan.seed), CaKey::new(plan.seed + 100));
        let mut root = params("Pear App Attestation Root CA", &plan.root_valid, 1);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_der = root.self_signed(&root_key).expect("a root").der().to_vec();
        let mut intermediate = params(&plan.intermediate_name, &plan.intermediate_valid, 2);
        intermediate.is_ca = if plan.intermediate_is_ca {
            IsCa::Ca(BasicConstraints::Constrained(0))
        } else {
            IsCa::ExplicitNoCa
        };
        intermediate.key_usages.clone_from(&plan.intermediate_usage);
        intermediate
            .custom_extensions
            .clone_from(&plan.intermediate_extensions);
        let issuer = Issuer::new(root, root_key);
        let certificate = intermediate
            .signed_by(&intermediate_key, &issuer)
            .expect("an intermediate");
        Self {
            root: root_der,
            intermediate: certificate.der().to_vec(),
            intermediate_params: intermediate,
            intermediate_key,
        }
    }

    pub fn anchor(&self) -> TrustAnchor {
        TrustAnchor::from_pem(&self.root_pem()).expect("a certificate")
    }

    pub fn root_pem(&self) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(&self.root);
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("base64"))
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    /// Issues the certificate of a key.
    pub fn leaf(&self, attestation: &Attestation) -> Vec<u8> {
        let mut leaf = params("a key", &attestation.valid, 3);
        leaf.is_ca = attestation.leaf_is_ca;
        leaf.key_usages.clone_from(&attestation.leaf_usage);
        leaf.custom_extensions
            .clone_from(&attestation.leaf_extensions);
        let value = attestation
            .nonce_extension
            .clone()
            .unwrap_or_else(|| nonce_extension(&attestation.nonce()));
        if !value.is_empty() {
            leaf.custom_extensions
                .push(CustomExtension::from_oid_content(&NONCE_OID, value));
        }
        let issuer = Issuer::from_params(&self.intermediate_params, &self.intermediate_key);
        let certificate = leaf
            .signed_by(&LeafKey(attestation.leaf_point.clone()), &issuer)
            .expect("a leaf");
        self.signed_with_sha256(&certificate)
    }

    /// Apple signs with SHA-256 and a key of P-384. rcgen does not support that, so the algorithm
    /// is replaced and the certificate signed again.
    fn signed_with_sha256(&self, certificate: &Certificate) -> Vec<u8> {
        const SHA384: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03];
        let mut signed = tlv(content(certificate.der())).to_vec();
        let at = signed
            .windows(SHA384.len())
            .position(|bytes| bytes == SHA384)
            .expect("an algorithm");
        signed[at + SHA384.len() - 1] = 2;
        let signature: p384::ecdsa::Signature = self
            .intermediate_key
            .key
            .sign_prehash(&Sha256::digest(&signed))
            .expect("a signature");
        let algorithm = der(0x30, &der(0x06, &[&SHA384[..7], &[2]].concat()));
        let signature = der(0x03, &[&[0], signature.to_der().as_bytes()].concat());
        der(0x30, &[signed, algorithm, signature].concat())
    }

    /// Returns the object that a device would send.
    pub fn attest(&self, attestation: &Attestation) -> Vec<u8> {
        let x5c = attestation
            .x5c
            .clone()
            .unwrap_or_else(|| vec![self.leaf(attestation), self.intermediate.clone()]);
        let x5c: Vec<_> = x5c.iter().map(|certificate| bytes(certificate)).collect();
        let x5c = [head(4, x5c.len()), x5c.concat()].concat();
        let statement = map(&[("x5c", x5c), ("receipt", bytes(&attestation.receipt))]);
        map(&[
            ("fmt", text(&attestation.format)),
            ("attStmt", statement),
            ("authData", bytes(&attestation.auth_data())),
        ])
    }
}

/// Returns `SEQUENCE { [1] { OCTET STRING } }` with the nonce.
pub fn nonce_extension(nonce: &[u8]) -> Vec<u8> {
    der(0x30, &der(0xA1, &der(0x04, nonce)))
}
